import { KIB, MHZ, type Target } from "../target.js";

const SHEET = "Microchip DS60001507 (SAM D5x/E5x data sheet), configuration summary";

export const SAMD51: Target = {
  id: "samd51",
  title: "Microchip ATSAMD51J19A, Cortex-M4F 120 MHz",
  kind: "mcu",
  core: "cortex-m4f",
  clockHz: { value: 120 * MHZ, source: SHEET },
  ramBytes: { value: 192 * KIB, source: SHEET },
  flashBytes: { value: 512 * KIB, source: SHEET },
};
