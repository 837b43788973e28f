import { mkdir, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { costTable } from "@mote/toolchain/profile/cost";
import {
  cycleRatios,
  leaveOneOut,
  median,
  partOf,
  relativeErrors,
  releaseOnPart,
  systemOf,
} from "./predict-published.js";
import { hasPublishedResults, type PublishedResult, readPublishedResults } from "./published-results.js";

/**
 * npm run bench:predict: how well the published results of MLPerf Tiny predict each other, and what they say of the
 * ratios between cores that `mote profile` rests on. Prints tables, writes results/predict.json.
 */

const RESULTS = resolve(import.meta.dirname, "../results/predict.json");
const REFERENCE = "STM32L4R5";
const CORES = [
  ["cortex-m7", "STM32H7A3"],
  ["cortex-m33", "STM32U575"],
  ["cortex-m0plus", "STM32G0B1"],
] as const;

const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;

interface Summary {
  readonly left: string;
  readonly groups: number;
  readonly latency: { readonly median: number; readonly p90: number; readonly results: number };
  readonly energy: { readonly median: number; readonly results: number };
  readonly perGroup?: Readonly<Record<string, number>>;
}

function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(share * values.length))]!;
}

function summarise(
  left: string,
  results: readonly PublishedResult[],
  groupOf: (result: PublishedResult) => string,
  listsGroups = false,
): Summary {
  const predictions = leaveOneOut(results, groupOf);
  const { latency, energy } = relativeErrors(predictions);
  const groups = [...new Set(predictions.map(({ group }) => group))];
  const perGroup = Object.fromEntries(
    groups.map((group) => [
      group,
      median(relativeErrors(predictions.filter((each) => each.group === group)).latency),
    ]),
  );
  return {
    left,
    groups: groups.length,
    latency: { median: median(latency), p90: quantile(latency, 0.9), results: latency.length },
    energy: { median: median(energy), results: energy.length },
    ...(listsGroups ? { perGroup } : {}),
  };
}

async function main(): Promise<void> {
  const results = readPublishedResults();
  const summaries = [
    summarise("one submitted system", results, systemOf),
    summarise("one runtime release on one part", results, releaseOnPart),
    summarise("one part (SoC)", results, partOf, true),
  ];
  console.log(`${results.length} published results; each group predicted from all others\n`);
  console.log("left out                          groups   latency: median   9 of 10 within   energy: median");
  for (const { left, groups, latency, energy } of summaries)
    console.log(
      `${left.padEnd(34)}${String(groups).padStart(6)}${percent(latency.median).padStart(18)}${percent(latency.p90).padStart(17)}${percent(energy.median).padStart(17)}`,
    );
  for (const [part, error] of Object.entries(summaries[2]!.perGroup!))
    console.log(`  without any result on ${part}: ${percent(error)}`);

  const ofM4 = costTable("cortex-m4f").classes.conv.perMac;
  const cores = CORES.map(([core, part]) => {
    const ratios = cycleRatios(results, part, REFERENCE);
    return {
      core,
      part,
      pairs: ratios.length,
      median: median(ratios),
      least: Math.min(...ratios),
      most: Math.max(...ratios),
      profile: costTable(core).classes.conv.perMac / ofM4,
    };
  });
  console.log(`\nCycles of the same runtime release and model over those on ${REFERENCE} (Cortex-M4)`);
  for (const each of cores)
    console.log(
      `${each.core.padEnd(14)} ${each.part}: median ${each.median.toFixed(2)} of ${each.pairs} pairs (${each.least.toFixed(2)} to ${each.most.toFixed(2)}); mote profile takes ${each.profile.toFixed(2)}`,
    );
  await mkdir(dirname(RESULTS), { recursive: true });
  await writeFile(RESULTS, `${JSON.stringify({ summaries, cores }, null, 2)}\n`);
}

if (hasPublishedResults()) await main();
else console.log("skipped: needs the published MLPerf Tiny results (MOTE_DATA)");
