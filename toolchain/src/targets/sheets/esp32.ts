import { KIB, MHZ, type Target } from "../target.js";

const SHEET = "Espressif ESP32 Series Datasheet, section 1; ESP32-WROOM-32E datasheet for the flash";

export const ESP32: Target = {
  id: "esp32",
  title: "Espressif ESP32, Xtensa LX6 240 MHz; flash of the WROOM-32E module",
  kind: "mcu",
  core: "xtensa-lx6",
  clockHz: { value: 240 * MHZ, source: SHEET },
  ramBytes: { value: 520 * KIB, source: SHEET },
  flashBytes: { value: 4096 * KIB, source: SHEET },
};
