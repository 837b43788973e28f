import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readOnnx } from "../formats/onnx/read.js";
import { writeOnnx } from "../formats/onnx/write.js";
import { compareModels } from "./compare.js";
import { loadDigits } from "./digits.js";
import { DEGRADED_SEEDS, degraded } from "./digits-data.js";
import { pruneV1 } from "./digits-training.js";
import type { ModelFacts } from "./model-shelf.js";
import { openTensorFlow } from "./tensorflow.js";

const MODELS = new URL("../../models/digits/", import.meta.url);
const read = (file: string): Uint8Array => readFileSync(new URL(file, MODELS));
const provenance = JSON.parse(Buffer.from(read("provenance.json")).toString()) as {
  models: Record<string, ModelFacts>;
};
const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

describe("the committed digit models", () => {
  it("are the files that their provenance names", () => {
    expect(Object.keys(provenance.models)).toEqual(["v1", "v1-pruned", "v2", "v3"]);
    for (const { file, sha256 } of Object.values(provenance.models)) expect(digest(read(file))).toBe(sha256);
  });

  it("tell the story: v2 reads what v1 could not, v3 is worse at everything", () => {
    const { v2, v3 } = provenance.models as Record<"v2" | "v3", ModelFacts>;
    const pruned = provenance.models["v1-pruned"]!;
    expect(v2.accuracy["testDegraded"]! - pruned.accuracy["testDegraded"]!).toBeGreaterThan(0.2);
    expect(pruned.accuracy["test"]! - v3.accuracy["test"]!).toBeGreaterThan(0.05);
  });

  it.skipIf(!process.env["MOTE_FULL"])(
    "are as good, and as bad, as their provenance says",
    async () => {
      const training = await openTensorFlow("wasm");
      const { test } = await loadDigits();
      const bad = degraded(test, DEGRADED_SEEDS.test);
      const { v2, v3 } = provenance.models as Record<"v2" | "v3", ModelFacts>;
      const [second, third] = [readOnnx(read(v2.file)), readOnnx(read(v3.file))];
      const clean = compareModels(training, second, third, test);
      expect(clean).toMatchObject({
        accuracyBefore: v2.accuracy["test"],
        accuracyAfter: v3.accuracy["test"],
      });
      const seen = compareModels(training, second, third, bad);
      expect(seen).toMatchObject({
        accuracyBefore: v2.accuracy["testDegraded"],
        accuracyAfter: v3.accuracy["testDegraded"],
      });
    },
    600_000,
  );

  it.skipIf(!process.env["MOTE_FULL"])(
    "pruning v1 anew gives the committed model, bit for bit",
    async () => {
      const training = await openTensorFlow("wasm");
      const { train } = await loadDigits();
      const { graph } = await pruneV1(training, readOnnx(read("digits-v1.onnx")), train);
      // Both by today's writer: a file of another day may say the same in other bytes.
      const committed = readOnnx(read(provenance.models["v1-pruned"]!.file));
      expect(digest(writeOnnx(graph))).toBe(digest(writeOnnx(committed)));
    },
    600_000,
  );
});
