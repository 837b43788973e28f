import { batteryJoules, MHZ, MIB, type Target } from "../target.js";

export const RASPBERRY_PI_5: Target = {
  id: "raspberry-pi-5",
  title: "Raspberry Pi 5, 4 x Cortex-A76 2.4 GHz: a gateway",
  kind: "gateway",
  core: "cortex-a",
  clockHz: { value: 2400 * MHZ, source: "Raspberry Pi 5 product brief: BCM2712 at 2.4 GHz" },
  ramBytes: { value: 4096 * MIB, source: "Raspberry Pi 5 product brief: the 4 GB version" },
  flashBytes: { value: 32 * 1024 * MIB, source: "convention: a 32 GB memory card" },
  activePowerW: {
    value: 5.0,
    source: "estimate: one core busy; idle lies near 3 W, all cores busy near 8 W",
  },
  sleepPowerW: { value: 3.0, source: "estimate: idle with network up" },
  batteryJ: {
    value: batteryJoules(20_000, 3.7),
    source: "convention: a 20 Ah power bank for outages; a gateway is normally on mains",
  },
};
