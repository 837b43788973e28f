import { batteryJoules, MHZ, MIB, type Target } from "../target.js";

export const RASPBERRY_PI_4: Target = {
  id: "raspberry-pi-4",
  title: "Raspberry Pi 4 Model B, 4 x Cortex-A72 1.5 GHz: a gateway",
  kind: "gateway",
  core: "cortex-a",
  clockHz: { value: 1500 * MHZ, source: "Raspberry Pi 4 Model B datasheet, release 1: BCM2711 at 1.5 GHz" },
  ramBytes: { value: 2048 * MIB, source: "Raspberry Pi 4 Model B datasheet: the 2 GB version" },
  flashBytes: { value: 16 * 1024 * MIB, source: "convention: a 16 GB memory card" },
  activePowerW: {
    value: 4.0,
    source:
      "estimate: one core busy; published measurements of the board lie between 2.7 W idle and 6.4 W with all cores busy",
  },
  sleepPowerW: {
    value: 2.7,
    source: "estimate: idle with network up; the board has no sleep state that keeps RAM",
  },
  batteryJ: {
    value: batteryJoules(20_000, 3.7),
    source: "convention: a 20 Ah power bank for outages; a gateway is normally on mains",
  },
};
