import { batteryJoules, MHZ, MIB, type Target } from "../target.js";

export const PIXEL_6A: Target = {
  id: "pixel-6a",
  title: "Google Pixel 6a, Cortex-X1 2.8 GHz: a phone of the middle range",
  kind: "phone",
  core: "cortex-a",
  clockHz: {
    value: 2800 * MHZ,
    source: "Google, Pixel 6a technical specifications: Tensor, 2 x Cortex-X1 at 2.8 GHz",
  },
  ramBytes: { value: 6 * 1024 * MIB, source: "Google, Pixel 6a technical specifications" },
  flashBytes: { value: 128 * 1024 * MIB, source: "Google, Pixel 6a technical specifications" },
  activePowerW: {
    value: 3.0,
    source: "estimate: one large core of that generation at full clock with memory, display off",
  },
  sleepPowerW: {
    value: 0.02,
    source: "estimate: suspended, about a percent of the battery an hour less radio",
  },
  batteryJ: {
    value: batteryJoules(4410, 3.85),
    source: "Google, Pixel 6a technical specifications: 4,410 mAh; 3.85 V nominal",
  },
};
