import { type ConsumerView, exampleManifest, type Manifest } from "@mote/protocol";
import { expect, test } from "vitest";
import { effectsOn, warningsFor } from "./effects.js";

const from = exampleManifest({ labels: ["go", "stop", "turn"] });
const to = (more: Partial<Manifest>): Manifest => ({ ...from, version: "9.0.0", ...more });

const reader = (more: Partial<ConsumerView>): ConsumerView => ({
  id: "ward-board",
  product: "digits",
  contact: "ward@example.org",
  purpose: "",
  reads: ["labels"],
  labels: [],
  declaredBy: "ada",
  declaredAtMs: 0,
  ...more,
});

test("says nothing where outputs stay as they are", () => {
  expect(effectsOn(reader({ reads: ["labels", "indices", "scores"] }), from, to({}))).toEqual([]);
});

test("names classes that are gone or new to who reads all of them", () => {
  expect(effectsOn(reader({}), from, to({ labels: ["go", "halt", "turn"] }))).toEqual([
    'the class "stop" is gone',
    'the class "halt" is new',
  ]);
});

test("leaves a consumer alone whose classes stay", () => {
  const next = to({ labels: ["go", "halt", "turn"] });
  expect(effectsOn(reader({ labels: ["go"] }), from, next)).toEqual([]);
  expect(effectsOn(reader({ labels: ["stop"] }), from, next)).toEqual(['the class "stop" is gone']);
});

test("tells who reads places, and nobody else, that classes have moved", () => {
  const next = to({ labels: ["stop", "go", "turn"] });
  expect(effectsOn(reader({}), from, next)).toEqual([]);
  expect(effectsOn(reader({ reads: ["indices"] }), from, next)).toEqual([
    'places in the output change: "go" from 0 to 1, "stop" from 1 to 0',
  ]);
});

test("tells who reads scores of another type, and everybody of another bound for acting alone", () => {
  const variants = from.variants.map((one) => ({
    ...one,
    output: { ...one.output, dtype: "int16" as const },
  }));
  expect(effectsOn(reader({ reads: ["scores"] }), from, to({ variants }))[0]).toContain("int16 instead of");
  expect(effectsOn(reader({}), from, to({ variants }))).toEqual([]);
  const bounded = to({ envelope: { minConfidence: 0.6 } });
  expect(effectsOn(reader({}), bounded, to({ envelope: { minConfidence: 0.5 } }))).toEqual([
    "devices abstain below 50 % confidence instead of below 60 % confidence",
  ]);
});

test("counts what would not fit a sentence", () => {
  const many = Array.from({ length: 10 }, (_, i) => `class ${i}`);
  const [text] = effectsOn(reader({}), to({ labels: many }), to({ labels: ["other"] }));
  expect(text).toBe('the classes "class 0", "class 1", "class 2", "class 3" and 6 more are gone');
});

test("says from which release, where devices come from several", () => {
  const other = to({ version: "1.5.0", labels: ["go", "turn"] });
  const next = to({ version: "2.0.0", labels: ["go", "turn"] });
  expect(warningsFor([reader({}), reader({ id: "b", labels: ["go"] })], [from, other], next)).toEqual([
    {
      consumer: "ward-board",
      contact: "ward@example.org",
      changes: [`coming from ${from.version}: the class "stop" is gone`],
    },
  ]);
});
