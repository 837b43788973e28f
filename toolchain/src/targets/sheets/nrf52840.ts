import { batteryJoules, KIB, MHZ, MIB, type Target } from "../target.js";

const SPECIFICATION = "Nordic nRF52840 Product Specification v1.7";

export const NRF52840: Target = {
  id: "nrf52840",
  title: "Nordic nRF52840, Cortex-M4F 64 MHz, Bluetooth LE and Thread",
  kind: "mcu",
  core: "cortex-m4f",
  clockHz: { value: 64 * MHZ, source: `${SPECIFICATION}, key features` },
  ramBytes: { value: 256 * KIB, source: `${SPECIFICATION}, memory` },
  flashBytes: { value: 1 * MIB, source: `${SPECIFICATION}, memory` },
  activePowerW: {
    value: 3.3e-3 * 3,
    source: `${SPECIFICATION}, current consumption: CPU running from flash, cache on, DC/DC, 3 V: 3.3 mA`,
  },
  sleepPowerW: {
    value: 3.16e-6 * 3,
    source: `${SPECIFICATION}, current consumption: System ON, full RAM retention, RTC from LFXO, 3 V: 3.16 uA`,
  },
  flash: {
    value: { waitStates: 3, lineBytes: 4 },
    source: `${SPECIFICATION}, CPU: 3 wait states from flash with the cache on and missing; the width of an access is not stated, 4 B is the least`,
  },
  batteryJ: { value: batteryJoules(220, 3), source: "convention: one CR2032 coin cell, 220 mAh at 3 V" },
};
