import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { BEYOND_FIRMWARE, EVENTS, fromHex, PLAIN_FORM, STATES, TABLE, toHex } from "@mote/protocol";
import { generateKey, nodeVerify } from "@mote/protocol/node";
import { ParamWriter } from "@mote/toolchain/emit/c/params";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const FOLDER = fileURLToPath(new URL("../firmware-shims/", import.meta.url));
const has = (program: string): boolean => spawnSync(program, ["--version"], { stdio: "ignore" }).status === 0;
const hasHost = has("make") && has("cc");
const hasEmulator = hasHost && has("arm-none-eabi-gcc") && has("qemu-system-arm");
const hasFuzzer = hasHost && has("clang");
const isFull = process.env["MOTE_FULL"] !== undefined;
const make = (target: string, variables: readonly string[] = [], input = ""): string =>
  execFileSync("make", ["--no-print-directory", "-C", FOLDER, target, ...variables], {
    encoding: "utf8",
    input,
    stdio: ["pipe", "pipe", "pipe"],
    maxBuffer: 1 << 26,
  });
const number = (output: string, name: string): number =>
  Math.max(...[...output.matchAll(new RegExp(`^ *${name}=(\\d+)$`, "gm"))].map((match) => Number(match[1])));

describe("firmware shims", () => {
  it.skipIf(!hasHost)(
    "pass their host tests under sanitizers (needs make and a C compiler)",
    () => {
      expect(make("host", isFull ? ["POWER_CUT_STRIDE=1"] : [])).toContain("host tests passed");
    },
    300_000,
  );

  it.skipIf(!hasEmulator)(
    "pass on a Cortex-M4 (needs arm-none-eabi-gcc and qemu-system-arm)",
    () => {
      const output = make("qemu");
      for (const part of ["tests", "trust", "device"]) expect(output).toContain(`cortex-m4 ${part} passed`);
      // The decoder's goal: 1.5 kB of RAM, its stack included.
      expect(number(output, "stateBytes") + number(output, "stackBytes")).toBeLessThanOrEqual(1536);
      expect(number(make("size"), "decoder cortex-m4 codeBytes")).toBeLessThanOrEqual(4096);
    },
    300_000,
  );

  it.skipIf(!hasHost)(
    "verify as Node does whatever is done to a signature (needs make and a C compiler)",
    () => {
      const damaged = fc
        .record({
          message: fc.uint8Array({ maxLength: 300 }),
          part: fc.constantFrom("none", "key", "signature", "message"),
          bit: fc.nat(),
        })
        .map(({ message, part, bit }) => {
          const { publicKey, sign } = generateKey();
          const parts = {
            key: publicKey.slice(),
            signature: sign(message).slice(),
            message: message.slice(),
          };
          const bytes = part === "none" ? new Uint8Array(0) : parts[part as keyof typeof parts];
          if (bytes.length > 0) bytes[(bit >> 3) % bytes.length]! ^= 1 << (bit & 7);
          return parts;
        });
      const cases = fc.sample(damaged, isFull ? 2000 : 200);
      const lines = cases.map(({ key, signature, message }) =>
        [key, signature, message].map(toHex).join(" "),
      );
      const expected = cases.map(({ key, signature, message }) =>
        nodeVerify(key, message, signature) ? "valid" : "refused",
      );
      expect(new Set(expected).size).toBe(2);
      expect(
        make("verify-lines", [], `${lines.join("\n")}\n`)
          .trim()
          .split("\n"),
      ).toEqual(expected);
    },
    300_000,
  );

  it.skipIf(!hasFuzzer)(
    "stand some seconds of libFuzzer on patches and envelopes (needs clang)",
    () => {
      const variables = [`FUZZ_SECONDS=${isFull ? 60 : 4}`];
      expect(() => make("fuzz", variables)).not.toThrow();
    },
    600_000,
  );

  it("are told of parameters that the compiler writes: one header on both sides", () => {
    const golden = new URL("../protocol/vectors/update.golden.json", import.meta.url);
    const story = JSON.parse(readFileSync(golden, "utf8")) as Record<string, string>;
    const params = fromHex(story["params_1"]!);
    const writer = new ParamWriter();
    const data = params.subarray(48);
    writer.bytes(data, { rowBytes: data.length, form: PLAIN_FORM });
    expect(toHex(writer.finish(fromHex(story["architecture"]!)))).toBe(story["params_1"]);
  });

  it.skipIf(!hasHost)(
    "have the update table of the protocol (needs make and a C compiler)",
    () => {
      const rows = make("update-table").trim().split("\n");
      const states = STATES.filter((state) => !BEYOND_FIRMWARE.has(state));
      const events = EVENTS.filter((event) => !BEYOND_FIRMWARE.has(event));
      const expected = states.flatMap((state, i) =>
        events.map((event, j) => {
          const answer = TABLE[state][event];
          return `${i} ${j} ${answer === "stay" || answer === "never" ? answer : states.indexOf(answer)}`;
        }),
      );
      expect(rows).toEqual(expected);
    },
    300_000,
  );
});
