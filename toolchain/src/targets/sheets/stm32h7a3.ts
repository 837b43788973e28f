import { KIB, MHZ, type Target } from "../target.js";

const SHEET = "ST DS13195 (STM32H7A3xI/G data sheet), features";

export const STM32H7A3: Target = {
  id: "stm32h7a3",
  title: "ST STM32H7A3, Cortex-M7 280 MHz",
  kind: "mcu",
  core: "cortex-m7",
  clockHz: { value: 280 * MHZ, source: SHEET },
  ramBytes: { value: 1184 * KIB, source: SHEET },
  flashBytes: { value: 2048 * KIB, source: SHEET },
  activePowerW: {
    value: 0.1401,
    source:
      "MLPerf Tiny results v0.7-v1.3, NUCLEO-H7A3ZI-Q at 280 MHz: median of energy / latency over the 22 results that state both (121 to 167 mW)",
  },
  flash: {
    value: { waitStates: 6, lineBytes: 16 },
    source: "ST RM0455, embedded flash: 6 wait states at 280 MHz in VOS0, 128 bits an access",
  },
};
