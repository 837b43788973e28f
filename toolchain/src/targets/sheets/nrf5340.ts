import { KIB, MHZ, type Target } from "../target.js";

const SHEET = "Nordic nRF5340 Product Specification, key features";

export const NRF5340: Target = {
  id: "nrf5340",
  title: "Nordic nRF5340, application core Cortex-M33 128 MHz",
  kind: "mcu",
  core: "cortex-m33",
  clockHz: { value: 128 * MHZ, source: SHEET },
  ramBytes: { value: 512 * KIB, source: SHEET },
  flashBytes: { value: 1024 * KIB, source: SHEET },
};
