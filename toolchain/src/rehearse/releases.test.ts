import { checkSchema, exampleManifest, goldenOf, SyntheticModel, unpackBundle } from "@mote/protocol";
import { nodeSha256 } from "@mote/protocol/node";
import { describe, expect, test } from "vitest";
import { behaviourOf, rehearsedBundle } from "./releases.js";

const manifest = exampleManifest({
  modelCard: { summary: "", intendedUse: "", limitations: "", accuracy: 0.9 },
  reference: { samples: 4, confidence: [0, 0, 0, 4], outputs: [2, 2] },
});
const facts = { name: "reader", version: "1.0.0", sequence: 7, manifest };

describe("a release in a rehearsal", () => {
  test("behaves as its own bundle says that it does", () => {
    expect(behaviourOf(facts)).toMatchObject({
      classes: 2,
      confidence: 0.875,
      accuracy: 0.9,
      latencyUs: 12_500,
    });
    expect(behaviourOf({ ...facts, manifest: null })).toMatchObject({ classes: 10, confidence: 0.85 });
  });

  test("is a whole bundle with the real one's name, number and rules, in the rehearsal's time", () => {
    const hardware = Array.from({ length: 70 }, (_, i) => `board-${i}`);
    const model = { ...behaviourOf(facts), confidence: 0 };
    const bundle = unpackBundle(rehearsedBundle(facts, model, hardware, 10), nodeSha256);
    expect(bundle.manifest).toMatchObject({ name: "reader", version: "1.0.0", sequence: 7 });
    expect(bundle.manifest.health).toEqual({ ...manifest.health, probationS: 0.5 });
    expect(bundle.manifest.variants.flatMap((variant) => variant.hardware)).toEqual(hardware);
    const variant = bundle.manifest.variants[0]!;
    const { artifact } = variant;
    const text = new TextDecoder().decode(bundle.artifacts.get(artifact.sha256)!);
    expect(checkSchema(SyntheticModel, JSON.parse(text), "the model")).toEqual(model);
    const { outputs } = goldenOf(bundle.artifacts, variant);
    const [top = 0, other = 1] = new Float32Array(outputs[0]!.slice().buffer);
    // Even a model that is sure of nothing has a top class.
    expect(top).toBeGreaterThan(other);
  });
});
