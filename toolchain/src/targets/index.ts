import { UsageError } from "../errors.js";
import { GENERIC_TARGETS } from "./sheets/generic.js";
import { NRF52840 } from "./sheets/nrf52840.js";
import { PIXEL_6A } from "./sheets/pixel-6a.js";
import { RASPBERRY_PI_4 } from "./sheets/raspberry-pi-4.js";
import { STM32L4R5 } from "./sheets/stm32l4r5.js";
import type { Target } from "./target.js";

export const TARGETS: ReadonlyMap<string, Target> = new Map(
  [...GENERIC_TARGETS, NRF52840, STM32L4R5, PIXEL_6A, RASPBERRY_PI_4].map((target) => [target.id, target]),
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
