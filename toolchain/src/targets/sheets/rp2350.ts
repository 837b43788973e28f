import { KIB, MHZ, type Target } from "../target.js";

const SHEET = "Raspberry Pi RP2350 datasheet, chapter 1; Raspberry Pi Pico 2 datasheet for the flash";

export const RP2350: Target = {
  id: "rp2350",
  title: "Raspberry Pi RP2350, two Cortex-M33 at 150 MHz; flash of the Pico 2 board",
  kind: "mcu",
  core: "cortex-m33",
  clockHz: { value: 150 * MHZ, source: SHEET },
  ramBytes: { value: 520 * KIB, source: SHEET },
  flashBytes: { value: 4096 * KIB, source: SHEET },
};
