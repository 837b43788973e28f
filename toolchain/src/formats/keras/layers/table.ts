import type { LayerTable } from "../importer.js";
import { ACTIVATION } from "./activation.js";
import { CONVOLUTION } from "./convolution.js";
import { CORE } from "./core.js";
import { MERGE } from "./merge.js";
import { NORMALIZE } from "./normalize.js";
import { OPERATIONS } from "./operations.js";
import { POOL } from "./pool.js";
import { RECURRENT } from "./recurrent.js";
import { SHAPE } from "./shape.js";
import { readTimeDistributed } from "./time-distributed.js";

/** Every layer class that is read, apart from InputLayer and models inside models. */
export const LAYERS: LayerTable = {
  ...CORE,
  ...CONVOLUTION,
  ...POOL,
  ...NORMALIZE,
  ...ACTIVATION,
  ...SHAPE,
  ...MERGE,
  ...RECURRENT,
  ...OPERATIONS,
  TimeDistributed: (context, inputs) => readTimeDistributed(context, inputs, LAYERS),
};

export const READABLE_LAYERS: readonly string[] = [
  "InputLayer",
  "Sequential",
  "Functional",
  ...Object.keys(LAYERS),
];
