import { KIB, MHZ, type Target } from "../target.js";

const SHEET = "Raspberry Pi RP2040 datasheet, chapter 1; Raspberry Pi Pico datasheet for the flash";

export const RP2040: Target = {
  id: "rp2040",
  title: "Raspberry Pi RP2040, two Cortex-M0+ at 133 MHz; flash of the Pico board",
  kind: "mcu",
  core: "cortex-m0plus",
  clockHz: { value: 133 * MHZ, source: SHEET },
  ramBytes: { value: 264 * KIB, source: SHEET },
  flashBytes: { value: 2048 * KIB, source: SHEET },
};
