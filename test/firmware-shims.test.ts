import { execFileSync, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { EVENTS, STATES, TABLE } from "@mote/protocol";
import { describe, expect, it } from "vitest";

const FOLDER = fileURLToPath(new URL("../firmware-shims/", import.meta.url));
const has = (program: string): boolean => spawnSync(program, ["--version"], { stdio: "ignore" }).status === 0;
const hasHost = has("make") && has("cc");
const hasEmulator = hasHost && has("arm-none-eabi-gcc") && has("qemu-system-arm");
const make = (...targets: string[]): string =>
  execFileSync("make", ["--no-print-directory", "-C", FOLDER, ...targets], { encoding: "utf8" });

describe("firmware shims", () => {
  it.skipIf(!hasHost)(
    "pass their host tests under sanitizers (needs make and a C compiler)",
    () => {
      expect(make("host")).toContain("host tests passed");
    },
    300_000,
  );

  it.skipIf(!hasEmulator)(
    "pass on a Cortex-M4 (needs arm-none-eabi-gcc and qemu-system-arm)",
    () => {
      const output = make("qemu");
      expect(output).toContain("cortex-m4 tests passed");
      // Goals: 1.5 kB of RAM for the decoder; the stack beside it stays small.
      expect(Number(/stateBytes=(\d+)/.exec(output)?.[1])).toBeLessThanOrEqual(1536);
    },
    300_000,
  );

  it.skipIf(!hasHost)(
    "have the update table of the protocol (needs make and a C compiler)",
    () => {
      const rows = make("update-table").trim().split("\n");
      const expected = STATES.flatMap((state, i) =>
        EVENTS.map((event, j) => {
          const answer = TABLE[state][event];
          return `${i} ${j} ${answer === "stay" || answer === "never" ? answer : STATES.indexOf(answer)}`;
        }),
      );
      expect(rows).toEqual(expected);
    },
    300_000,
  );
});
