import { code, type FormTable } from "./form.js";

export const MATRICES: FormTable = {
  fullyConnected: (operator) => ({
    type: "FULLY_CONNECTED",
    inputs: operator.inputs,
    options: [
      8,
      [
        [0, "int8", code(operator, operator.attributes.activation)],
        [2, "int8", operator.attributes.keepDims ? 1 : 0],
      ],
    ],
  }),
  matMul: (operator) => ({
    type: "BATCH_MATMUL",
    inputs: operator.inputs,
    options: [
      101,
      [
        [0, "int8", operator.attributes.transposeA ? 1 : 0],
        [1, "int8", operator.attributes.transposeB ? 1 : 0],
      ],
    ],
  }),
};
