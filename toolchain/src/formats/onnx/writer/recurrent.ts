import type { OperatorOf, Tensor } from "../../../graph/graph.js";
import type { Attributes, OnnxWriter } from "../writer.js";
import { type EmitTable, RANK } from "./emit.js";

/** Place of the bias among the graph's inputs; initial states follow. */
const BIAS = 3;

export const RECURRENT: EmitTable = {
  lstm: (operator, writer) => recurrent(writer, operator, "LSTM", [0, 1, 2, 3, null, 4, 5], {}),
  gru: (operator, writer) =>
    recurrent(writer, operator, "GRU", [0, 1, 2, 3, null, 4], {
      linear_before_reset: operator.attributes.linearBeforeReset ? 1 : 0,
    }),
  rnn: (operator, writer) => {
    const name = operator.attributes.activation === "relu" ? "Relu" : "Tanh";
    const count = operator.attributes.direction === "bidirectional" ? 2 : 1;
    recurrent(writer, operator, "RNN", [0, 1, 2, 3, null, 4], {
      activations: { strings: new Array<string>(count).fill(name) },
    });
  },
};

/** `places` gives, for each input of ONNX's operator, the graph's; null where ONNX has one more. */
function recurrent(
  writer: OnnxWriter,
  operator: OperatorOf<"lstm"> | OperatorOf<"gru"> | OperatorOf<"rnn">,
  opType: string,
  places: readonly (number | null)[],
  more: Attributes,
): void {
  const inputs = places.map((place) => {
    const name = place === null ? "" : (operator.inputs[place] ?? "");
    const isState = place !== null && place > BIAS;
    return name === "" || (isState && isZero(writer.tensor(name))) ? "" : writer.readPlain(name);
  });
  while (inputs.at(-1) === "") inputs.pop();
  const { hiddenSize, direction } = operator.attributes;
  const outputs = operator.outputs.map((name) =>
    writer.rank(name) === RANK ? `${name}/sequence` : writer.open(name),
  );
  writer.node(opType, inputs, outputs, { hidden_size: hiddenSize, direction, ...more });
  operator.outputs.forEach((name, i) => {
    if (writer.rank(name) !== RANK) writer.close(name);
    else {
      writer.node("Transpose", [outputs[i]!], [writer.open(name)], { perm: [0, 3, 1, 2] });
      writer.close(name);
    }
  });
}

/** States that begin at zero are ONNX's default. */
function isZero({ data, quantization }: Tensor): boolean {
  const zero = quantization?.zeroPoint[0] ?? 0;
  return data?.every((code: number | bigint) => Number(code) === zero) ?? false;
}
