import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { exportDigits } from "@mote/toolchain/train/digits-data";
import { openTensorFlow } from "@mote/toolchain/train/tensorflow";
import { Ledger } from "./delta-ledger.js";
import { type LosslessRow, measureLossless } from "./delta-lossless.js";
import { digitPairs, perturbedPairs } from "./delta-pairs.js";
import { PEERS } from "./delta-peers.js";
import { showMean, slopeOf } from "./delta-statistics.js";
import { activityStudy, digitStudies, perturbedStudies } from "./delta-studies.js";
import {
  type ChainLink,
  studyChain,
  studyUpdates,
  type UpdateRow,
  type UpdateStudy,
} from "./delta-updates.js";
import { measureWhole, renderWhole, type WholeUpdate } from "./delta-whole.js";

/**
 * npm run bench:delta [-- --lossless | --updates] [--seeds 5] [--study NAME]: the bytes of an update by each codec beside
 * bsdiff, xdelta3, zstd --patch-from, HDiffPatch and detools and, without any base, xz; the decoder's speed; and what
 * update-aware rounding saves and costs, by seed, as means of paired differences with their 95 % interval, over a chain of
 * updates, and with all that a device fetches beside the patch. Prints tables, writes results/delta.json and
 * results/delta-updates.json. Updates take an hour; a run that was interrupted goes on where it was (results/delta-ledger.json,
 * for the same code). A peer that is not installed has no figure.
 */

const DATA = process.env["MOTE_DATA"] ?? resolve(import.meta.dirname, "../../../shared/data");
const RESULTS = resolve(import.meta.dirname, "../results");
const BOUNDS_POINTS = [0.2, 0.5] as const;
const CHAIN_LINKS = 10;
const CHAIN = `chain of ${CHAIN_LINKS} updates, digits, all layers`;

function renderLossless(rows: readonly LosslessRow[]): string {
  const columns = ["tensor", "full", ...PEERS.map(({ name }) => name)];
  const ratio = (value: number | null): string => (value === null ? "-" : value.toFixed(2)).padStart(9);
  const head = [
    "update".padEnd(32),
    "new B".padStart(8),
    ...columns.map((name) => name.padStart(11)),
    ...["/peer", "/bsdiff", "full/xz", "/entropy"].map((name) => name.padStart(9)),
    ...["tensor MB/s", "bsdiff MB/s"].map((name) => name.padStart(13)),
  ];
  const lines = rows.map((row) =>
    [
      row.update.padEnd(32),
      String(row.newBytes).padStart(8),
      ...columns.map((name) => String(row.bytes[name] ?? "-").padStart(11)),
      ...[row.overSmallestPeer, row.overBsdiff, row.fullOverXz, row.overEntropy].map(ratio),
      ...[row.tensorDecodeMbps, row.bsdiffDecodeMbps].map((rate) => (rate?.toFixed(1) ?? "-").padStart(13)),
    ].join(""),
  );
  return [head.join(""), ...lines].join("\n");
}

/** Where the bytes of each tensor patch go, and beside what can be said of it the order-0 entropy. */
function renderBytes(rows: readonly LosslessRow[]): string {
  const head = [
    "tensor, bytes".padEnd(32),
    ...["payload", "header", "naming", "codes", "entropy", "codes/", "words", "entropy", "words/"].map(
      (name) => name.padStart(9),
    ),
    ...["untyped", "coder"].map((name) => name.padStart(9)),
  ];
  const bytes = (value: number | undefined): string => (value?.toFixed(0) ?? "-").padStart(9);
  const ratio = (value: number | null): string => (value?.toFixed(3) ?? "-").padStart(9);
  const lines = rows.map(({ update, bytes: all, tensorBytes, entropyBytes, ...row }) =>
    [
      update.padEnd(32),
      bytes(all["tensor"]! - tensorBytes.header),
      ...[tensorBytes.header, tensorBytes.naming, tensorBytes.codes, entropyBytes?.codes].map(bytes),
      ratio(row.codesOverEntropy),
      ...[tensorBytes.words, entropyBytes?.words].map(bytes),
      ratio(row.wordsOverEntropy),
      ...[tensorBytes.untyped, tensorBytes.coder].map(bytes),
    ].join(""),
  );
  return [head.join(""), ...lines].join("\n");
}

function renderUpdates(rows: readonly UpdateRow[]): string {
  const head = ["update", "bound", "update-aware %", "plain %", "without old %", "loss on test, points"];
  const lines = rows.map((row) => [
    row.update,
    row.maxLossPoints.toFixed(1),
    showMean(row.patchShare, 2),
    showMean(row.plainShare, 1),
    showMean(row.fullShare, 1),
    showMean(row.lossPoints, 2),
  ]);
  return [head, ...lines]
    .map((cells) => cells.map((cell, i) => cell.padEnd(i === 0 ? 36 : 18)).join(""))
    .join("\n");
}

/** A loss that creeps would show in the slope: points lost by each further link. */
function renderChain(chain: readonly ChainLink[]): string {
  const lines = chain.map(({ link, patchBytes, plainPatchBytes, fileBytes, lossPoints, lossInterval }) => {
    const share = (bytes: number): string => ((100 * bytes) / fileBytes).toFixed(1);
    const loss = showMean({ mean: lossPoints, interval: lossInterval, values: [] }, 2);
    return `link ${link}: ${share(patchBytes)} % (plain rounding ${share(plainPatchBytes)} %), loss ${loss} points`;
  });
  const slope = slopeOf(chain.map(({ lossPoints }) => lossPoints));
  return [`${CHAIN}:`, ...lines, `loss by each further link: ${showMean(slope, 3)} points`].join("\n");
}

function option(name: string): string | undefined {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : (process.argv[at + 1] ?? "");
}

async function lossless(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "mote-delta-"));
  try {
    const rows: LosslessRow[] = [];
    for (const pair of [...(await digitPairs()), ...(await perturbedPairs(DATA, 1))]) {
      rows.push(await measureLossless(pair, folder));
      await save("delta.json", { rows });
    }
    process.stdout.write(`${renderLossless(rows)}\n\n${renderBytes(rows)}\n\n`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function save(file: string, results: object): Promise<void> {
  await mkdir(RESULTS, { recursive: true });
  const text = JSON.stringify({ node: process.version, ...results }, null, 2);
  await writeFile(join(RESULTS, file), `${text}\n`);
}

async function updates(seeds: readonly number[]): Promise<void> {
  const training = await openTensorFlow();
  const ledger = new Ledger(join(RESULTS, "delta-ledger.json"), join(RESULTS, "delta-models"));
  const activity = await activityStudy(training, DATA);
  if (activity === null) process.stderr.write("activity model: skipped, no recordings (set MOTE_DATA)\n");
  const perturbed = await perturbedStudies(DATA);
  if (perturbed.length === 0) process.stderr.write("KWS and VWW: skipped, no models (set MOTE_DATA)\n");
  const [lastLayer, allLayers, ...others] = await digitStudies(training);
  const studies = [
    allLayers!,
    lastLayer!,
    ...(activity === null ? [] : [activity]),
    ...perturbed,
    ...others,
  ].filter(({ name }) => name.includes(option("study") ?? ""));
  const rows: UpdateRow[] = [];
  for (const study of studies) {
    rows.push(...(await studyUpdates(study, seeds, BOUNDS_POINTS, ledger)));
    await save("delta-updates.json", { seeds, rows });
  }
  process.stdout.write(`${renderUpdates(rows)}\n\n`);
  if (!CHAIN.includes(option("study") ?? "")) return;
  const chain = await studyChain(allLayers!, CHAIN_LINKS, BOUNDS_POINTS[0], ledger);
  process.stdout.write(`${renderChain(chain)}\n\n`);
  const whole = await ledger.keep("whole update", async () =>
    withDigits((digits) => wholeUpdate(allLayers!, ledger, digits)),
  );
  process.stdout.write(`${renderWhole(whole)}\n`);
  await save("delta-updates.json", { seeds, rows, chain, whole });
}

/** The first link of the chain: all layers of the digit reader, fine-tuned. */
async function wholeUpdate(study: UpdateStudy, ledger: Ledger, digits: string): Promise<WholeUpdate[]> {
  return measureWhole(study.old, await ledger.readModel("chain 1"), digits);
}

async function withDigits<T>(use: (path: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "mote-digits-"));
  try {
    return await use((await exportDigits(folder))["calibration"]!);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

if (!process.argv.includes("--updates")) await lossless();
if (!process.argv.includes("--lossless")) {
  await updates(Array.from({ length: Number(option("seeds") ?? 5) }, (_, i) => i + 1));
}
