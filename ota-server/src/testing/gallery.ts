import { DEFAULT_GATES, type OperatorClient, type RolloutPlan, type RolloutView } from "@mote/protocol";
import type { TestDevice } from "./device.js";
import { makeRelease, sha256, type TestRelease } from "./release.js";
import { eventually, type TestBench } from "./server.js";

/** A fleet with a past, for tests and pictures of the console: real devices, releases that descend from each other. */
export interface Gallery {
  readonly devices: TestDevice[];
  readonly releases: readonly TestRelease[];
}

const LABELS = ["bed empty", "lying", "sitting", "fallen"];
const DEVICES = 24;

/** Four releases of "digits", the last one with other classes; all devices run 1.0.0 and have sent telemetry. */
export async function furnish(bench: TestBench): Promise<Gallery> {
  await bench.publishRoot();
  const releases = descent();
  await bench.signers.publish(bench.operator, releases.slice(0, 3), bench.now());
  // The fourth waits for its signatures.
  await bench.operator.uploadBundle(releases[3]!.bundle);
  const devices = await bench.devices(DEVICES);
  for (const device of devices) device.abilities = { canShadow: true, canHold: true };
  await Promise.all(devices.map((device) => device.poll()));
  await bench.operator.createRollout(
    plan({ version: "1.0.0", waves: [{ name: "everybody", share: 1, soakS: 0 }] }),
  );
  await take(devices, 1);
  await state(bench.operator, "completed");
  for (let i = 0; i < 4; i++) await windows(devices, () => ({ confidence: 0.88, accuracy: 0.95 }));
  return { devices, releases };
}

export function plan(more: Partial<RolloutPlan>): RolloutPlan {
  return {
    product: "digits",
    version: "2.0.0",
    query: {},
    waves: [
      { name: "canary", count: 8, soakS: 0 },
      { name: "everybody", share: 1, soakS: 0 },
    ],
    gates: DEFAULT_GATES,
    onFailure: "hold",
    preconditions: {},
    approvals: 0,
    ...more,
  };
}

/** Polls until no device is offered what it does not run yet, as far as the rollout lets them. @param least that take it. */
export async function take(
  devices: readonly TestDevice[],
  sequence: number,
  least = devices.length,
): Promise<void> {
  await eventually(async () => {
    await Promise.all(devices.map((device) => device.update()));
    return devices.filter((device) => device.sequence === sequence).length >= least;
  }, `${least} devices on release ${sequence}`);
}

/** One window of each device, a little different for each. */
export async function windows(
  devices: readonly TestDevice[],
  quality: (device: TestDevice) => { confidence: number; accuracy: number },
): Promise<void> {
  await Promise.all(
    devices.map((device, i) => {
      const { confidence, accuracy } = quality(device);
      const own = 0.02 * Math.sin(7 * i);
      return device.sendWindow({ confidence: confidence + own, accuracy: accuracy + own });
    }),
  );
}

/** The newest rollout, once it is in this state. */
export function state(operator: OperatorClient, wanted: RolloutView["state"]): Promise<RolloutView> {
  return eventually(async () => {
    const [newest] = (await operator.rollouts()).rollouts;
    return newest?.state === wanted && newest;
  }, `the newest rollout to be ${wanted}`);
}

function descent(): TestRelease[] {
  const artifact = (sequence: number) =>
    new Uint8Array(30_000).map((_, i) => (i * 31 + (i % 7 === 0 ? sequence : 0)) & 0xff);
  let parent: string | undefined;
  return [1, 2, 3, 4].map((sequence) => {
    const last = sequence === 4;
    const release = makeRelease(sequence, artifact(sequence), ["gateway"], [], {
      labels: last ? ["bed empty", "in bed", "fallen"] : LABELS,
      modelCard: {
        summary: "Says from one picture of a ward whether somebody is in bed, sits, or has fallen.",
        intendedUse: "Calling a nurse in rooms with one bed.",
        limitations: "Rooms with several beds; nights without infrared light.",
        accuracy: 0.94 + 0.008 * sequence,
        samples: 10_000,
      },
      reference: {
        samples: 1000,
        confidence: [],
        outputs: last ? [500, 480, 20] : [500, 380 - 10 * sequence, 100 + 10 * sequence, 20],
      },
      lineage: {
        sourceModelSha256: sha256(new Uint8Array([sequence])),
        trainingDataSha256: sha256(new Uint8Array([sequence < 3 ? 1 : 3])),
        recipe: sequence === 1 ? "int8, 50 % pruned" : "int8, 50 % pruned, close to its parent",
        toolVersion: "mote 0.1.0",
        ...(parent === undefined ? {} : { parentManifestSha256: parent }),
      },
    });
    parent = sha256(release.manifestBytes);
    return release;
  });
}
