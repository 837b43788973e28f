import { KIB, MHZ, type Target } from "../target.js";

const SHEET = "Renesas RA8M1 Group Datasheet, features";

export const RA8M1: Target = {
  id: "ra8m1",
  title: "Renesas RA8M1, Cortex-M85 480 MHz",
  kind: "mcu",
  core: "cortex-m85",
  clockHz: { value: 480 * MHZ, source: SHEET },
  ramBytes: { value: 1024 * KIB, source: SHEET },
  flashBytes: { value: 2016 * KIB, source: SHEET },
};
