import { batteryJoules, MHZ, MIB, type Target } from "../target.js";

const SPECIFICATION = "Samsung, Galaxy A54 5G specifications";

export const GALAXY_A54: Target = {
  id: "galaxy-a54",
  title: "Samsung Galaxy A54, Cortex-A78 2.4 GHz: a phone of the middle range",
  kind: "phone",
  core: "cortex-a",
  clockHz: { value: 2400 * MHZ, source: `${SPECIFICATION}: Exynos 1380, 4 x Cortex-A78 at 2.4 GHz` },
  ramBytes: { value: 6 * 1024 * MIB, source: `${SPECIFICATION}: the 6 GB version` },
  flashBytes: { value: 128 * 1024 * MIB, source: `${SPECIFICATION}: the 128 GB version` },
  activePowerW: {
    value: 1.8,
    source: "estimate: one large core of that generation at full clock with memory, display off",
  },
  sleepPowerW: {
    value: 0.02,
    source: "estimate: suspended, about a percent of the battery an hour less radio",
  },
  batteryJ: { value: batteryJoules(5000, 3.85), source: `${SPECIFICATION}: 5,000 mAh; 3.85 V nominal` },
};
