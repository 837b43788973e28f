import { KIB, MHZ, type Target } from "../target.js";

const SHEET = "Ambiq Apollo3 Blue SoC Datasheet, features";

export const APOLLO3: Target = {
  id: "apollo3",
  title: "Ambiq Apollo3 Blue, Cortex-M4F 48 MHz, sub-threshold",
  kind: "mcu",
  core: "cortex-m4f",
  clockHz: { value: 48 * MHZ, source: SHEET },
  ramBytes: { value: 384 * KIB, source: SHEET },
  flashBytes: { value: 1024 * KIB, source: SHEET },
  activePowerW: {
    value: 0.0009504,
    source:
      "Ambiq Apollo3 Blue SoC Datasheet, features: 6 uA/MHz executing from flash or RAM at 3.3 V, 48 MHz",
  },
};
