import { DataError } from "../errors.js";
import type { Tensor } from "../graph/graph.js";
import type { Dataset } from "./dataset.js";

/**
 * The set's samples in the layout of a model's input. Axes of length 1 do not matter; channels-first images are turned
 * to channels-last, because that is how graphs hold them.
 */
export function fitToInput(dataset: Dataset, input: Tensor): Dataset {
  const wanted = input.shape.slice(1);
  if (count(dataset.sampleShape) !== count(wanted)) {
    throw new DataError({
      expected: `samples of ${count(wanted)} values [${wanted.join(", ")}] for input "${input.name}"`,
      got: `${count(dataset.sampleShape)} [${dataset.sampleShape.join(", ")}]`,
      todo: "Resize the data to the model's input.",
    });
  }
  const [given, target] = [dataset.sampleShape, wanted].map((shape) =>
    shape.filter((extent) => extent !== 1),
  );
  if (given!.join() === target!.join() || given!.length !== 3 || target!.length !== 3) return dataset;
  const [channels, height, width] = given as [number, number, number];
  if (target!.join() !== [height, width, channels].join()) return dataset;
  return {
    ...dataset,
    sampleShape: wanted,
    sample(index) {
      const values = dataset.sample(index);
      const turned = new Float32Array(values.length);
      const pixels = height * width;
      for (let c = 0; c < channels; c++) {
        for (let p = 0; p < pixels; p++) turned[p * channels + c] = values[c * pixels + p]!;
      }
      return turned;
    },
  };
}

function count(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}
