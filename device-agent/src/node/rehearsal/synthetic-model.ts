import { checkSchema, type Fault, SyntheticModel, syntheticAnswer } from "@mote/protocol";
import type { InferenceEngine, Sensor } from "../../core/ports.js";
import { InferenceError } from "../../errors.js";
import { normal } from "./chance.js";

/**
 * What stands in the place of a model and its sensor. A sample is `[class, difficulty]`: a model is right where the
 * difficulty lies below its accuracy, so that two models err on the same samples, as models of one task do. A difficulty
 * below zero marks a golden vector, to which every device must give the same answer.
 */

/** How devices and moments differ; a release's own figures lie in its bundle. */
const SPREAD = {
  /** Of a device's mean confidence from the model's. */
  deviceConfidence: 0.02,
  /** Of one inference's confidence from its device's mean. */
  confidence: 0.08,
  /** Of the logarithm of one inference's latency. */
  latency: 0.1,
  /** Samples whose truth the device learns. */
  labelled: 0.5,
} as const;

/** Least share of a sick device's inferences that fail. */
const SICK_ERROR_RATE = 0.5;

export interface Behaviour {
  readonly chance: () => number;
  readonly fault: Fault | null;
  /** Release that the fault befalls. */
  readonly candidateSequence: number;
}

export function syntheticSensor(classes: number, chance: () => number): Sensor {
  return {
    async next() {
      const truth = Math.floor(chance() * classes);
      const label = chance() < SPREAD.labelled ? truth : null;
      return { values: Float32Array.of(truth, chance()), label };
    },
  };
}

/** @throws SchemaError from `open` for an artifact that is no synthetic model */
export function syntheticEngine({ chance, fault, candidateSequence }: Behaviour): InferenceEngine {
  const offset = SPREAD.deviceConfidence * normal(chance);
  return {
    async open(source) {
      const text = new TextDecoder().decode(await source.read());
      const model = checkSchema(SyntheticModel, JSON.parse(text), "the synthetic model");
      const isStruck = model.sequence === candidateSequence;
      const errorRate =
        isStruck && fault === "errors" ? Math.max(SICK_ERROR_RATE, model.errorRate) : model.errorRate;
      return {
        async run(input) {
          const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
          const [truth, difficulty] = [view.getFloat32(0, true), view.getFloat32(4, true)];
          if (difficulty < 0) {
            const isBroken = isStruck && fault === "install";
            return { output: answer(model, isBroken ? 1 : 0, model.confidence), latencyUs: model.latencyUs };
          }
          if (chance() < errorRate) throw failed();
          const top = difficulty < model.accuracy ? truth : (truth + 1) % model.classes;
          const confidence = model.confidence + offset + SPREAD.confidence * normal(chance);
          const latencyUs = model.latencyUs * Math.exp(SPREAD.latency * normal(chance));
          return { output: answer(model, top, confidence), latencyUs };
        },
        async close() {},
      };
    },
  };
}

function answer({ classes }: SyntheticModel, top: number, confidence: number): Uint8Array {
  return new Uint8Array(syntheticAnswer(classes, top, confidence).buffer);
}

function failed(): InferenceError {
  return new InferenceError({
    expected: "an output",
    got: "a rehearsed failure",
    todo: "None: it was asked for.",
  });
}
