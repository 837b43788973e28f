import { KIB, MHZ, type Target } from "../target.js";

const SHEET = "ST DS8626 (STM32F405xx, STM32F407xx data sheet), features";

export const STM32F407: Target = {
  id: "stm32f407",
  title: "ST STM32F407, Cortex-M4F 168 MHz",
  kind: "mcu",
  core: "cortex-m4f",
  clockHz: { value: 168 * MHZ, source: SHEET },
  ramBytes: { value: 192 * KIB, source: SHEET },
  flashBytes: { value: 1024 * KIB, source: SHEET },
  flash: {
    value: { waitStates: 5, lineBytes: 16 },
    source: "ST RM0090, embedded flash: 5 wait states at 168 MHz and 2.7 to 3.6 V, 128 bits an access",
  },
};
