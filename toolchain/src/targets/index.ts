import { UsageError } from "../errors.js";
import { APOLLO3 } from "./sheets/apollo3.js";
import { ESP32 } from "./sheets/esp32.js";
import { ESP32_S3 } from "./sheets/esp32-s3.js";
import { GALAXY_A54 } from "./sheets/galaxy-a54.js";
import { GD32VF103 } from "./sheets/gd32vf103.js";
import { GENERIC_TARGETS } from "./sheets/generic.js";
import { NRF54L15 } from "./sheets/nrf54l15.js";
import { NRF5340 } from "./sheets/nrf5340.js";
import { NRF52840 } from "./sheets/nrf52840.js";
import { PIXEL_6A } from "./sheets/pixel-6a.js";
import { PSOC62 } from "./sheets/psoc62.js";
import { RA8M1 } from "./sheets/ra8m1.js";
import { RASPBERRY_PI_4 } from "./sheets/raspberry-pi-4.js";
import { RASPBERRY_PI_5 } from "./sheets/raspberry-pi-5.js";
import { RP2040 } from "./sheets/rp2040.js";
import { RP2350 } from "./sheets/rp2350.js";
import { SAMD51 } from "./sheets/samd51.js";
import { STM32F407 } from "./sheets/stm32f407.js";
import { STM32G0B1 } from "./sheets/stm32g0b1.js";
import { STM32H7A3 } from "./sheets/stm32h7a3.js";
import { STM32L4R5 } from "./sheets/stm32l4r5.js";
import { STM32N657 } from "./sheets/stm32n657.js";
import { STM32U575 } from "./sheets/stm32u575.js";
import type { Target } from "./target.js";

/** Phones and gateways last; parts in the order of their makers. */
const PARTS: readonly Target[] = [
  NRF52840,
  NRF5340,
  NRF54L15,
  STM32F407,
  STM32G0B1,
  STM32L4R5,
  STM32U575,
  STM32H7A3,
  STM32N657,
  RP2040,
  RP2350,
  ESP32,
  ESP32_S3,
  APOLLO3,
  SAMD51,
  PSOC62,
  RA8M1,
  GD32VF103,
  PIXEL_6A,
  GALAXY_A54,
  RASPBERRY_PI_4,
  RASPBERRY_PI_5,
];

export const TARGETS: ReadonlyMap<string, Target> = new Map(
  [...GENERIC_TARGETS, ...PARTS].map((target) => [target.id, target]),
);

/** Throws UsageError that lists the known targets. */
export function loadTarget(id: string): Target {
  const target = TARGETS.get(id);
  if (target === undefined)
    throw new UsageError({
      expected: `a target among ${[...TARGETS.keys()].join(", ")}`,
      got: `"${id}"`,
      todo: "`mote targets` shows them with their facts.",
    });
  return target;
}
