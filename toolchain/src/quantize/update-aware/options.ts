import type { Dataset } from "../../data/dataset.js";
import type { Graph } from "../../graph/graph.js";
import type { ActivationSource } from "../calibrate.js";

export interface UpdateOptions {
  /** Points of accuracy that the update may lose against plain quantization of the new model. */
  readonly maxLossPoints: number;
  /**
   * How much of the change from the old model's logits to the new one's must arrive, 0 to 1. Accuracy alone is no
   * measure where the validation samples do not show what the new model is for: on them, leaving the old model as it
   * is would cost nothing.
   */
  readonly leastFidelity: number;
  /**
   * Labelled samples on which the loss is measured, none of them among those that the rounding is fitted to; without
   * labels, agreement with the float model counts.
   */
  readonly validation: Dataset;
  readonly activations: ActivationSource;
  /** Bytes of the patch that brings devices to this model. */
  readonly patchBytes?: (candidate: Graph) => Promise<number>;
  /** Also tries prices that the search has no need of, for a person to pick from. */
  readonly wholeCurve?: boolean;
  readonly progress?: (done: number, total: number) => void;
}

/** One point of the curve of size against accuracy. */
export interface UpdatePoint {
  /** Price of a bit at which it was rounded; null where it was refitted. */
  readonly lambda: number | null;
  /** Estimate from the residuals of weights and biases; scales, framing and hashes come on top. */
  readonly residualBytes: number;
  /** Of the patch itself, where it was made. */
  readonly patchBytes?: number;
  readonly changedShare: number;
  readonly accuracy: number;
  /** The accuracy as its neighbours on the curve say it is: a dearer bit never makes it better. */
  readonly smoothedAccuracy: number;
  /** 1 - |update - new|^2 / |old - new|^2 over the logits: below 0 it is further from the new model than the old one. */
  readonly fidelity: number;
}

/** For the people who sign: what ships is a different model from the one that was validated. */
export interface UpdateReport {
  readonly chosen: UpdatePoint;
  /** Every price that was tried, the smallest update first. */
  readonly curve: readonly UpdatePoint[];
  /** Of the new model, plainly quantized, on the same samples. */
  readonly plainAccuracy: number;
  readonly plainPatchBytes?: number;
  readonly maxLossPoints: number;
  /** How many samples measured it. */
  readonly validationSamples: number;
  /** "accuracy" on labelled samples, "agreement" with the float model without labels. */
  readonly measure: "accuracy" | "agreement";
  readonly perClass: Readonly<
    Record<
      string,
      { readonly plain: number | null; readonly update: number | null; readonly samples: number }
    >
  >;
  /** False when not even the cheapest price kept the loss within bounds; the plain model is given then. */
  readonly withinLoss: boolean;
}
