import { join } from "node:path";
import type { RolloutView } from "@mote/protocol";
import { canaryPlan, until } from "./fleet.js";
import { type Journal, kib, percent } from "./journal.js";
import { compile, type Data, type Evaluation, evaluate, mote, quantize } from "./model.js";
import { makeRelease, type Release } from "./release.js";
import type { RunningFleet } from "./running-fleet.js";

/** The two updates of the story: one that is better and small, one that is worse and comes back. */

interface DiffDocument {
  codec: string;
  newBytes: number;
  patchBytes: number;
}

export interface Published {
  readonly release: Release;
  /** Quantized model file. */
  readonly model: string;
}

export interface Context {
  readonly journal: Journal;
  readonly work: string;
  readonly models: string;
  readonly data: Data;
  readonly fleet: RunningFleet;
  publish(release: Release): Promise<void>;
}

async function prepare(
  { journal, work, models, data, publish }: Context,
  version: string,
  sequence: number,
  source: string,
  recipe: string,
  previous: Published,
  isTuned: boolean,
): Promise<Published> {
  const float = join(models, source);
  const model = join(work, source.replace(".onnx", ".int8.onnx"));
  await quantize(
    journal,
    float,
    data,
    model,
    isTuned ? { calibration: data.field, previous: previous.model } : {},
  );
  const compiled = join(work, `firmware-${version}`);
  await compile(journal, model, "cortex-m4f", compiled, data);
  const release = await makeRelease(journal, work, data, {
    version,
    sequence,
    model,
    compiled,
    sourceModel: float,
    recipe,
    parent: previous.release.bundle,
  });
  await publish(release);
  return { release, model };
}

export async function better(context: Context, first: Published): Promise<Published> {
  const { journal, work, data, fleet } = context;
  const second = await prepare(
    context,
    "1.1.0",
    2,
    "digits-v2.onnx",
    "fine-tuned on rotated and smudged digits; mote quantize --previous 1.0.0",
    first,
    true,
  );
  const before: Evaluation = await evaluate(journal, first.model, data.testDegraded);
  const after: Evaluation = await evaluate(journal, second.model, data.testDegraded);
  journal.check(
    "accuracy on rotated and smudged digits: 1.0.0, then 1.1.0",
    `${percent(before.accuracy)} -> ${percent(after.accuracy)} of ${after.samples}`,
    after.accuracy > before.accuracy + 0.1,
  );
  const { document: diff } = await mote<DiffDocument>(journal, [
    "diff",
    first.model,
    second.model,
    "-o",
    join(work, "1.0.0-1.1.0.patch"),
  ]);
  journal.check(
    "the update 1.0.0 -> 1.1.0, every layer changed",
    `${kib(diff.patchBytes)} (${diff.codec}) instead of ${kib(diff.newBytes)}: ${percent(diff.patchBytes / diff.newBytes)}`,
    diff.patchBytes < diff.newBytes / 4,
  );

  // Manifest and golden vectors pass; what the bad link damages is the update itself.
  const { manifest } = second.release;
  const { releases } = await fleet.client.releases();
  const manifests = releases.map((entry) => entry.manifest.sha256);
  fleet.badLink.arm([
    ...manifests,
    ...manifest.variants.flatMap(({ golden }) => [golden.inputs.sha256, golden.outputs.sha256]),
  ]);
  const killed = fleet.killInMidApply();
  const { id } = await fleet.client.createRollout(canaryPlan("1.1.0"));
  const [view, recovered] = await Promise.all([fleet.follow(id, 150), killed]);
  journal.check("killed with SIGKILL in mid-apply, started again", recovered, recovered !== "");
  await checkCorrupted(context);
  const versions = await fleet.settle("1.1.0");
  journal.check(
    "1.1.0 passed its canary and runs everywhere",
    `${versions.get("1.1.0") ?? 0} of ${fleet.size} devices`,
    view.state === "completed" && versions.get("1.1.0") === fleet.size,
  );
  journal.check(
    "bytes that a device downloaded for 1.1.0, mean",
    `${kib(await fleet.meanDownload(2))} (the whole model: ${kib(second.release.modelBytes)})`,
    (await fleet.meanDownload(2)) < second.release.modelBytes / 3,
  );
  return second;
}

async function checkCorrupted({ journal, fleet }: Context): Promise<void> {
  const id = fleet.badLinkDevice;
  const detail = await until(`${id} to recover from its corrupt download`, 60, async () => {
    const found = await fleet.client.device(id);
    return found.device.runningSequence === 2 ? found : undefined;
  });
  const confirmed = detail.reports.find(
    ({ report }) => report.phase === "confirmed" && report.targetSequence === 2,
  );
  journal.check(
    "one download corrupted on the way: refused, fetched again",
    `${id} had ${fleet.badLink.damaged === null ? "no" : "a"} bit flipped and runs ${detail.device.runningVersion} by "${confirmed?.report.codec}"`,
    fleet.badLink.damaged !== null && confirmed !== undefined,
  );
}

export async function worse(context: Context, previous: Published): Promise<void> {
  const { journal, data, fleet } = context;
  const third = await prepare(
    context,
    "1.2.0",
    3,
    "digits-v3.onnx",
    "trained on partly shuffled labels; mote quantize",
    previous,
    false,
  );
  const accuracy = await evaluate(journal, third.model, data.testDegraded);
  journal.say(`1.2.0 reads ${percent(accuracy.accuracy)} of the smudged digits; nobody has told the server`);
  const started = performance.now();
  const { id } = await fleet.client.createRollout(canaryPlan("1.2.0"));
  const view = await fleet.follow(id, 150);
  const seconds = (performance.now() - started) / 1000;
  const canary = view.waves[0];
  journal.check(
    "1.2.0 passed its golden vectors on the canary's devices",
    `${canary?.confirmed ?? 0} of ${canary?.members ?? 0} confirmed it`,
    (canary?.confirmed ?? 0) > 0,
  );
  journal.check("the canary's gate stopped 1.2.0", stopText(view), view.state === "rolled-back");
  const versions = await fleet.settle("1.1.0");
  journal.check(
    "rolled back without anyone touching it",
    `${versions.get("1.1.0") ?? 0} of ${fleet.size} on 1.1.0, ${versions.get("1.2.0") ?? 0} on 1.2.0, ${seconds.toFixed(0)} s after the rollout began`,
    versions.get("1.1.0") === fleet.size && (versions.get("1.2.0") ?? 0) === 0,
  );
  journal.check(
    "devices that ever ran 1.2.0",
    `${canary?.offered ?? 0} of ${fleet.size}`,
    (canary?.offered ?? fleet.size) < fleet.size / 2,
  );
}

/** The evidence in the gate's own words. */
function stopText(view: RolloutView): string {
  const gates = view.waves.flatMap((wave) => wave.gates).filter((gate) => gate.verdict === "stop");
  return gates.map((gate) => `${gate.gate}: ${gate.text}`).join("; ") || view.reason;
}
