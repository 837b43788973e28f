import { KIB, MHZ, type Target } from "../target.js";

const SHEET = "ST DS14791 (STM32N657xx data sheet), features";

export const STM32N657: Target = {
  id: "stm32n657",
  title: "ST STM32N657, Cortex-M55 800 MHz, code in external flash",
  kind: "mcu",
  core: "cortex-m55",
  clockHz: { value: 800 * MHZ, source: SHEET },
  ramBytes: { value: 4300 * KIB, source: SHEET },
};
