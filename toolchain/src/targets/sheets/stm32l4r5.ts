import { batteryJoules, KIB, MHZ, MIB, type Target } from "../target.js";

const SHEET = "ST DS12023 (STM32L4R5xx data sheet)";

export const STM32L4R5: Target = {
  id: "stm32l4r5",
  title: "ST STM32L4R5, Cortex-M4F 120 MHz: the reference board of MLPerf Tiny",
  kind: "mcu",
  core: "cortex-m4f",
  clockHz: { value: 120 * MHZ, source: `${SHEET}, features` },
  ramBytes: { value: 640 * KIB, source: `${SHEET}, features` },
  flashBytes: { value: 2 * MIB, source: `${SHEET}, features` },
  activePowerW: {
    value: 47.9e-3,
    source:
      "MLPerf Tiny results v0.7-v1.3, NUCLEO-L4R5ZI at 120 MHz: median of energy / latency over the 44 results that state both (32.8 to 78.2 mW)",
  },
  sleepPowerW: {
    value: 2.8e-6 * 3,
    source: `${SHEET}, features: 2.8 uA in Stop 2 with RTC, taken at 3 V`,
  },
  flash: {
    value: { waitStates: 5, lineBytes: 8 },
    source:
      "ST RM0432, flash: 5 wait states at 120 MHz in range 1 boost, 64 bits an access in dual-bank mode",
  },
  batteryJ: { value: batteryJoules(1200, 3), source: "convention: two AAA alkaline cells, 1,200 mAh at 3 V" },
};
