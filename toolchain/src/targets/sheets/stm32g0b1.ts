import { KIB, MHZ, type Target } from "../target.js";

const SHEET = "ST DS13560 (STM32G0B1xB/xC/xE data sheet), features";

export const STM32G0B1: Target = {
  id: "stm32g0b1",
  title: "ST STM32G0B1, Cortex-M0+ 64 MHz",
  kind: "mcu",
  core: "cortex-m0plus",
  clockHz: { value: 64 * MHZ, source: SHEET },
  ramBytes: { value: 144 * KIB, source: SHEET },
  flashBytes: { value: 512 * KIB, source: SHEET },
  flash: {
    value: { waitStates: 2, lineBytes: 8 },
    source: "ST RM0444, embedded flash: 2 wait states at 64 MHz in range 1, 64 bits an access",
  },
};
