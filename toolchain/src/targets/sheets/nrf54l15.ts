import { KIB, MHZ, type Target } from "../target.js";

const SHEET = "Nordic nRF54L15 Datasheet, key features";

export const NRF54L15: Target = {
  id: "nrf54l15",
  title: "Nordic nRF54L15, Cortex-M33 128 MHz, 1.5 MB of RRAM",
  kind: "mcu",
  core: "cortex-m33",
  clockHz: { value: 128 * MHZ, source: SHEET },
  ramBytes: { value: 256 * KIB, source: SHEET },
  flashBytes: { value: 1524 * KIB, source: SHEET },
};
