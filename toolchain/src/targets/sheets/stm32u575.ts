import { KIB, MHZ, type Target } from "../target.js";

const SHEET = "ST DS13737 (STM32U575xx data sheet), features";

export const STM32U575: Target = {
  id: "stm32u575",
  title: "ST STM32U575, Cortex-M33 160 MHz, ultra low power",
  kind: "mcu",
  core: "cortex-m33",
  clockHz: { value: 160 * MHZ, source: SHEET },
  ramBytes: { value: 786 * KIB, source: SHEET },
  flashBytes: { value: 2048 * KIB, source: SHEET },
  activePowerW: {
    value: 0.0251,
    source:
      "MLPerf Tiny results v0.7-v1.3, NUCLEO-U575ZI-Q at 160 MHz: median of energy / latency over the 20 results that state both (22.6 to 27.0 mW)",
  },
  flash: {
    value: { waitStates: 4, lineBytes: 16 },
    source: "ST RM0456, embedded flash: 4 wait states at 160 MHz in range 1, 128 bits an access",
  },
};
