import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { applyPatch } from "@mote/protocol";
import { makePatch, nodeSha256, perturbModel } from "@mote/protocol/node";
import { compileGraph } from "@mote/toolchain/emit/compile";
import { modelBytes, readModel } from "@mote/toolchain/formats/index";
import { quantizeGraph } from "@mote/toolchain/quantize/index";
import { loadTarget } from "@mote/toolchain/targets/index";
import { loadDigits } from "@mote/toolchain/train/digits";
import { PEERS, peerBytes } from "./delta-peers.js";

/**
 * npm run bench:delta: the bytes of an update by each codec beside bsdiff, xdelta3, zstd --patch-from and, without any
 * base, xz; then the decoder's speed. Container, digests and headers are counted. Prints a table, writes
 * results/delta.json. A peer that is not installed has no figure.
 */

const DATA = process.env["MOTE_DATA"] ?? resolve(import.meta.dirname, "../../../shared/data");
const MODELS = resolve(import.meta.dirname, "../../toolchain/models/digits");
/** Bytes decoded before the clock runs, and again while it does. */
const WARM_BYTES = 2_000_000;
const RESULTS = resolve(import.meta.dirname, "../results/delta.json");

interface Pair {
  readonly name: string;
  readonly base: Uint8Array;
  readonly next: Uint8Array;
}

/** The digit reader, really fine-tuned: its int8 ONNX file and its parameter blob, rounded as ever and update-aware. */
async function digitPairs(): Promise<Pair[]> {
  const { validation } = await loadDigits();
  const old = await quantizeGraph(await readModel(`${MODELS}/digits-v1-pruned.onnx`), validation);
  const float = await readModel(`${MODELS}/digits-v2.onnx`);
  const plain = await quantizeGraph(float, validation);
  const aware = await quantizeGraph(float, validation, { previous: old.graph });
  const target = loadTarget("cortex-m4f");
  const bytes = (graph: typeof old.graph): Promise<Uint8Array> => modelBytes(graph, "digits.onnx");
  const params = (graph: typeof old.graph): Uint8Array => compileGraph(graph, target).params;
  return [
    { name: "digits fine-tuned, .onnx", base: await bytes(old.graph), next: await bytes(plain.graph) },
    { name: "digits update-aware, .onnx", base: await bytes(old.graph), next: await bytes(aware.graph) },
    { name: "digits fine-tuned, params", base: params(old.graph), next: params(plain.graph) },
    { name: "digits update-aware, params", base: params(old.graph), next: params(aware.graph) },
  ];
}

/** References in which a share of the codes moved by a normal step of deviation 1.5: no training, a documented change. */
async function perturbedPairs(): Promise<Pair[]> {
  if (!existsSync(`${DATA}/mlperf-tiny`)) {
    process.stderr.write("perturbed KWS and VWW: skipped, no MLPerf Tiny models (set MOTE_DATA)\n");
    return [];
  }
  const pairs: Pair[] = [];
  for (const model of ["kws", "vww"]) {
    const base = new Uint8Array(await readFile(`${DATA}/mlperf-tiny/${model}_int8.tflite`));
    for (const share of [0.01, 0.1, 0.5]) {
      pairs.push({ name: `${model}, ${100 * share} % of codes`, base, next: perturbModel(base, 1, share) });
    }
  }
  return pairs;
}

interface Row {
  readonly update: string;
  readonly newBytes: number;
  readonly bytes: Record<string, number | null>;
  /** Megabytes of result per second of processor time, once warm. */
  readonly tensorDecodeMbps: number;
}

async function measure(pair: Pair, folder: string): Promise<Row> {
  const bytes: Record<string, number | null> = {};
  const tensor = await makePatch("tensor", pair.base, pair.next);
  bytes["tensor"] = tensor?.length ?? null;
  bytes["full"] = (await makePatch("full", pair.base, pair.next))?.length ?? null;
  const oldFile = join(folder, "old");
  const newFile = join(folder, "new");
  await writeFile(oldFile, pair.base);
  await writeFile(newFile, pair.next);
  for (const peer of PEERS) bytes[peer.name] = await peerBytes(peer, oldFile, newFile, join(folder, "patch"));
  const tensorDecodeMbps = tensor === null ? 0 : decodeSpeed(pair, tensor);
  return { update: pair.name, newBytes: pair.next.length, bytes, tensorDecodeMbps };
}

/** Processor time, because a benchmark rarely has the machine for itself; digests of base and result included. */
function decodeSpeed(pair: Pair, patch: Uint8Array): number {
  const runs = Math.ceil(WARM_BYTES / pair.next.length);
  const decode = (): void => {
    for (let i = 0; i < runs; i++) applyPatch(pair.base, patch, { sha256: nodeSha256 });
  };
  decode();
  const before = process.cpuUsage();
  decode();
  const { user, system } = process.cpuUsage(before);
  return (runs * pair.next.length) / (user + system);
}

function render(rows: readonly Row[]): string {
  const columns = ["tensor", "full", ...PEERS.map(({ name }) => name)];
  const head = [
    "update".padEnd(30),
    "new B".padStart(8),
    ...columns.map((name) => name.padStart(12)),
    "MB/s".padStart(8),
  ];
  const lines = rows.map((row) =>
    [
      row.update.padEnd(30),
      String(row.newBytes).padStart(8),
      ...columns.map((name) => String(row.bytes[name] ?? "-").padStart(12)),
      row.tensorDecodeMbps.toFixed(1).padStart(8),
    ].join(""),
  );
  return [head.join(""), ...lines].join("\n");
}

const folder = await mkdtemp(join(tmpdir(), "mote-delta-"));
try {
  const rows: Row[] = [];
  for (const pair of [...(await digitPairs()), ...(await perturbedPairs())])
    rows.push(await measure(pair, folder));
  process.stdout.write(`${render(rows)}\n`);
  await mkdir(dirname(RESULTS), { recursive: true });
  await writeFile(RESULTS, `${JSON.stringify({ node: process.version, rows }, null, 2)}\n`);
} finally {
  await rm(folder, { recursive: true, force: true });
}
