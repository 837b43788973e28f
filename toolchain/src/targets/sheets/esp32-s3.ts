import { KIB, MHZ, type Target } from "../target.js";

const SHEET = "Espressif ESP32-S3 Series Datasheet, section 1; ESP32-S3-WROOM-1 datasheet for the flash";

export const ESP32_S3: Target = {
  id: "esp32-s3",
  title: "Espressif ESP32-S3, Xtensa LX7 240 MHz; flash of the WROOM-1-N8 module",
  kind: "mcu",
  core: "xtensa-lx7",
  clockHz: { value: 240 * MHZ, source: SHEET },
  ramBytes: { value: 512 * KIB, source: SHEET },
  flashBytes: { value: 8192 * KIB, source: SHEET },
};
