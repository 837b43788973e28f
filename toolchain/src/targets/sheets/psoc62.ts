import { KIB, MHZ, type Target } from "../target.js";

const SHEET = "Infineon PSoC 6 MCU CY8C62x8, CY8C62xA datasheet, features";

export const PSOC62: Target = {
  id: "psoc62",
  title: "Infineon PSoC 62 (CY8C624A), Cortex-M4F 150 MHz",
  kind: "mcu",
  core: "cortex-m4f",
  clockHz: { value: 150 * MHZ, source: SHEET },
  ramBytes: { value: 1024 * KIB, source: SHEET },
  flashBytes: { value: 2048 * KIB, source: SHEET },
};
