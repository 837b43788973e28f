import { join } from "node:path";
import { makeData } from "./data.js";
import { firstPlan } from "./fleet.js";
import { type Journal, kib, percent } from "./journal.js";
import {
  compile,
  type Data,
  evaluate,
  MODELS,
  profileAll,
  profileTooLarge,
  prune,
  quantize,
} from "./model.js";
import { makeKeys, makeRelease, type Release, signAndPublish } from "./release.js";
import { retrain } from "./retrain.js";
import { startFleet } from "./running-fleet.js";
import { better, type Context, type Published, worse } from "./updates.js";

/** The story in its order; each step is told by the file of its half (model, release, running-fleet, updates). */

export interface Told {
  /** Address of the live page. */
  readonly url: string;
}

export async function tell(
  journal: Journal,
  work: string,
  options: { readonly retrain: boolean },
): Promise<Told> {
  journal.title("Mote: battery-powered cameras read the digits of utility meters.");
  journal.say(`everything that this run makes is in ${work}`);

  const data = await journal.step("Real digits: training, calibration, and 2,000 never seen", () =>
    makeData(work),
  );
  const models = options.retrain
    ? await journal.step("Train the three models again, as asked", () => retrain(journal, work))
    : MODELS;
  const float = join(models, "digits-v1.onnx");
  const model = await prepareModel(journal, work, float, data);

  const trust = await journal.step("Keys: root and release keys stay with people", () =>
    makeKeys(journal, work),
  );
  const fleet = await journal.step("Start the server, enrol the devices", () =>
    startFleet(journal, work, trust.serverKeys, trust.rootFile, data.sensor),
  );
  const publish = (release: Release) => signAndPublish(journal, trust, release, fleet.url, fleet.tokenFile);
  const context: Context = { journal, work, models, data, fleet, publish };

  const first = await journal.step("Release 1.0.0 to all", () => release100(context, float, model));
  const second = await journal.step(
    "Release 1.1.0: tuned on rotated and smudged digits, a small update",
    () => better(context, first),
  );
  await journal.step("Release 1.2.0: trained on shuffled labels, validly signed, and worse", () =>
    worse(context, second),
  );
  return { url: fleet.url };
}

interface Model {
  readonly int8: string;
  /** Folder of the C sources for the microcontroller. */
  readonly compiled: string;
}

async function prepareModel(journal: Journal, work: string, float: string, data: Data): Promise<Model> {
  const pruned = join(work, "digits-v1-pruned.onnx");
  const int8 = join(work, "digits-v1.int8.onnx");
  const compiled = join(work, "firmware-1.0.0");
  await journal.step(
    "Would the model fit as it is? Quantize it and ask the microcontroller's budget",
    async () => {
      const dense = join(work, "digits-v1-dense.int8.onnx");
      await quantize(journal, float, data, dense);
      await profileTooLarge(journal, dense);
    },
  );
  await journal.step("Prune: whole channels go, two epochs bring the accuracy back", () =>
    prune(journal, float, data, pruned),
  );
  await journal.step("Quantize to int8, per channel, calibrated on real digits", async () => {
    const document = await quantize(journal, pruned, data, int8);
    const before = await evaluate(journal, float, data.test);
    const after = await evaluate(journal, int8, data.test);
    journal.check(
      "accuracy on digits never seen: float, then pruned and int8",
      `${percent(before.accuracy, 2)} -> ${percent(after.accuracy, 2)} of ${after.samples}`,
      after.accuracy > 0.96 && before.accuracy - after.accuracy < 0.02,
    );
    journal.say(`file: ${kib(document.bytesBefore)} -> ${kib(document.bytesAfter)}`);
  });
  await journal.step("Measure against three budgets: microcontroller, phone, gateway", () =>
    profileAll(journal, int8, work),
  );
  await journal.step("Compile to C and run it: the same bytes as the executor", async () => {
    await compile(journal, int8, "host", join(work, "host"), data);
    await compile(journal, int8, "cortex-m4f", compiled, data);
  });
  return { int8, compiled };
}

async function release100(context: Context, float: string, model: Model): Promise<Published> {
  const { journal, work, data, fleet } = context;
  const release = await makeRelease(journal, work, data, {
    version: "1.0.0",
    sequence: 1,
    model: model.int8,
    compiled: model.compiled,
    sourceModel: float,
    recipe: "mote prune --sparsity 0.5 --epochs 2; mote quantize",
  });
  await context.publish(release);
  const { id } = await fleet.client.createRollout(firstPlan("1.0.0"));
  const view = await fleet.follow(id, 120);
  const versions = await fleet.settle("1.0.0");
  journal.check(
    "1.0.0 runs everywhere",
    `${versions.get("1.0.0") ?? 0} of ${fleet.size} devices, ${kib(release.modelBytes)} each`,
    view.state === "completed" && versions.get("1.0.0") === fleet.size,
  );
  return { release, model: model.int8 };
}
