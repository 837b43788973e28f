import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import {
  decodeExchangeAnswer,
  decodeExchangeRequest,
  encodeExchangeAnswer,
  encodeExchangeRequest,
} from "../src/api/exchange.js";
import { canonicalManifest, parseManifest } from "../src/bundle/canonical.js";
import { decodeGolden, encodeGolden, tensorBytes } from "../src/bundle/golden.js";
import { exampleManifest } from "../src/bundle/manifest.example.js";
import { toHex, utf8 } from "../src/bytes.js";
import { MoteError } from "../src/errors.js";
import { PARAMS_LAYOUT_SCHEMA, parseParamsLayout } from "../src/patch/params-layout.js";
import { decodeFrame, encodeFrame } from "../src/telemetry/frame.js";
import { decodeReportBatch, encodeReportBatch } from "../src/telemetry/reportBatch.js";
import { exampleFrame, exampleReport } from "../src/telemetry/telemetry.example.js";
import { appendToLog, EMPTY_LOG, type PublishLogEntry, verifyLog } from "../src/trust/publish-log.js";
import { nodeSha256 } from "./crypto.js";
import { readKeyFile, writeKeyFile } from "./key-file.js";
import { generateKey } from "./keys.js";
import { damage, edits, HOW_LONG, TIMEOUT_MS } from "./test-damage.js";

/**
 * Readers that stand beside trust: manifests, golden vectors, the log, key files, and what devices send. Damaged as
 * fuzz.test.ts damages patches and metadata, and for as long.
 */

const folder = mkdtempSync(join(tmpdir(), "mote-damaged-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs the reader on damaged bytes: it answers, or throws an error of ours. */
async function endure(genuine: Uint8Array, read: (bytes: Uint8Array) => unknown): Promise<void> {
  await fc.assert(
    fc.asyncProperty(edits, async (list) => {
      try {
        await read(damage(genuine, list));
      } catch (error) {
        if (!(error instanceof MoteError)) throw error;
      }
    }),
    HOW_LONG,
  );
}

const manifest = exampleManifest();
const variant = manifest.variants[0]!;
const zeros = (bytes: number) => [new Uint8Array(bytes)];
const golden = encodeGolden(
  { inputs: zeros(tensorBytes(variant.input)), outputs: zeros(tensorBytes(variant.output)) },
  variant.input,
  variant.output,
);
const counted = { ...variant, golden: { ...variant.golden, count: 1 } };

const layout = {
  schema: PARAMS_LAYOUT_SCHEMA,
  architectureHash: "ab".repeat(32),
  paramBytes: 400,
  ranges: [
    { at: 48, rows: 4, rowBytes: 40, form: 0 },
    { at: 208, count: 4, dtype: "int32" },
  ],
};

const request = {
  id: 9,
  method: "GET" as const,
  path: `/blobs/${"ab".repeat(32)}`,
  token: "t",
  range: [0, 9] as [number, number],
  body: new Uint8Array(),
};
const answer = {
  id: 9,
  status: 206,
  etag: '"a"',
  range: [0, 20] as [number, number],
  retryAfterS: null,
  body: new Uint8Array(10),
};

describe("damaged, these give an answer or an error of ours", () => {
  it.each<[string, Uint8Array, (bytes: Uint8Array) => unknown]>([
    ["manifests", canonicalManifest(manifest), parseManifest],
    ["golden inputs", golden.inputs, (inputs) => decodeGolden({ ...golden, inputs }, counted)],
    ["golden outputs", golden.outputs, (outputs) => decodeGolden({ ...golden, outputs }, counted)],
    [
      "layouts of parameters",
      utf8(JSON.stringify(layout)),
      (bytes) => parseParamsLayout(new TextDecoder().decode(bytes)),
    ],
    ["frames of telemetry", encodeFrame(exampleFrame), decodeFrame],
    ["batches of reports", encodeReportBatch([exampleReport]), decodeReportBatch],
    ["requests over MQTT", encodeExchangeRequest(request), decodeExchangeRequest],
    ["answers over MQTT", encodeExchangeAnswer(answer), decodeExchangeAnswer],
  ])(
    "%s",
    async (_, genuine, read) => {
      // What the damage begins from is read as it is.
      await read(genuine);
      await endure(genuine, read);
    },
    TIMEOUT_MS,
  );

  it(
    "key files, plain and sealed, and what opens is the key",
    async () => {
      const key = generateKey();
      const cost = { n: 16, r: 1, p: 1 };
      for (const protection of [{ unencrypted: true }, { passphrase: "horse" }] as const) {
        const path = join(folder, `${Object.keys(protection)[0]}.key.json`);
        await writeKeyFile(path, key, { label: "ada", protection, cost });
        const damagedPath = join(folder, "damaged.key.json");
        await endure(new Uint8Array(readFileSync(path)), async (bytes) => {
          writeFileSync(damagedPath, bytes);
          const read = await readKeyFile(damagedPath, async () => "horse");
          expect(toHex(read.publicKey)).toBe(toHex(key.publicKey));
        });
      }
    },
    TIMEOUT_MS,
  );
});

it(
  "a damaged log leads to the head that was remembered only where nothing of it has changed",
  async () => {
    let head = EMPTY_LOG;
    const entries: PublishLogEntry[] = [];
    for (const name of ["1.root.json", "1.targets.json", "reader/1.0.0/manifest.json"]) {
      const next = appendToLog(head, { atMs: 5, name, sha256: toHex(nodeSha256(utf8(name))) }, nodeSha256);
      entries.push(next.entry);
      head = next.head;
    }
    const parse = (text: string): unknown[] => {
      try {
        return text.split("\n").map((line): unknown => JSON.parse(line));
      } catch {
        return [];
      }
    };
    const text = utf8(entries.map((entry) => JSON.stringify(entry)).join("\n"));
    await endure(text, (bytes) => {
      const read = parse(new TextDecoder().decode(bytes));
      verifyLog(read, nodeSha256, [head]);
      expect(read.slice(0, entries.length)).toEqual(entries);
    });
  },
  TIMEOUT_MS,
);
