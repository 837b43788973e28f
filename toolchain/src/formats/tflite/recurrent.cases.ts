import type { Quantization } from "../../graph/graph.js";
import type { CaseMaker, LitertCase } from "./litert.cases.js";

const GATES = 4;

/** An integer LSTM: one scale for each gate's weights, the sequence or its last step as the result. */
export function lstm(make: CaseMaker): LitertCase {
  const { dice, builder } = make;
  const [steps, batch, width, hidden] = [dice.int(1, 6), dice.int(1, 3), dice.int(1, 9), dice.int(1, 7)];
  const rows = GATES * hidden;
  const x = make.input([steps, batch, width]);
  const output = make.quantization(dice.scale(1 / 200, 1 / 120), dice.int(-10, 10));
  const weights = (name: string, columns: number): Quantization => {
    const gate = Array.from({ length: GATES }, () => dice.scale(0.002, 0.02));
    const scale = Float32Array.from({ length: rows }, (_, row) => gate[Math.floor(row / hidden)]!);
    const data = Int8Array.from({ length: rows * columns }, () => dice.int(-127, 127));
    const quantization = { scale, zeroPoint: new Int32Array(rows), axis: 1 };
    builder.tensor({ name, shape: [1, rows, columns], dtype: "int8", data, quantization });
    return quantization;
  };
  const [w, r] = [weights("w", width), weights("r", hidden)];
  const sx = builder.get(x).quantization!.scale[0]!;
  builder.tensor({
    name: "b",
    shape: [1, 2 * rows],
    dtype: "int32",
    data: Int32Array.from({ length: 2 * rows }, (_, i) => (i < rows ? dice.int(-4000, 4000) : 0)),
    quantization: {
      scale: Float32Array.from(
        [...w.scale].map((s) => s * sx).concat([...r.scale].map((s) => s * output.scale[0]!)),
      ),
      zeroPoint: new Int32Array(2 * rows),
      axis: 1,
    },
  });
  const count = batch * hidden;
  const state = { shape: [1, batch, hidden] };
  builder.tensor({
    ...state,
    name: "h0",
    dtype: "int8",
    data: new Int8Array(count).fill(output.zeroPoint[0]!),
    quantization: output,
  });
  const cell = { scale: new Float32Array([2 ** -dice.int(9, 15)]), zeroPoint: new Int32Array(1), axis: null };
  builder.tensor({ ...state, name: "c0", dtype: "int16", data: new Int16Array(count), quantization: cell });
  const all = dice.unit() < 0.5;
  builder.operator(
    {
      kind: "lstm",
      name: make.name,
      inputs: [x, "w", "r", "b", "h0", "c0"],
      outputs: ["sequence", "last"],
      attributes: { hiddenSize: hidden, direction: "forward" },
    },
    { quantization: output },
  );
  builder.outputs.push(all ? "sequence" : "last");
  return { name: make.name, graph: builder.build(), inputs: make.inputs };
}

/** Several steps of a stream, so that the memory fills. */
export function svdf(make: CaseMaker): LitertCase {
  const { dice, builder } = make;
  const [batch, width, rank] = [dice.int(1, 2), dice.int(1, 9), dice.int(1, 3)];
  const [units, memory] = [dice.int(1, 5), dice.int(1, 6)];
  const filters = rank * units;
  const x = make.input([batch, width]);
  const scaled = (scale: number): Quantization => ({
    scale: new Float32Array([scale]),
    zeroPoint: new Int32Array(1),
    axis: null,
  });
  const features = dice.scale(0.002, 0.02);
  builder.tensor({
    name: "features",
    shape: [filters, width],
    dtype: "int8",
    data: Int8Array.from({ length: filters * width }, () => dice.int(-127, 127)),
    quantization: scaled(features),
  });
  const time = dice.scale(1e-5, 1e-4);
  builder.tensor({
    name: "time",
    shape: [filters, memory],
    dtype: "int16",
    data: Int16Array.from({ length: filters * memory }, () => dice.int(-32767, 32767)),
    quantization: scaled(time),
  });
  const state = dice.scale(2e-4, 2e-3);
  builder.tensor({
    name: "bias",
    shape: [units],
    dtype: "int32",
    data: Int32Array.from({ length: units }, () => dice.int(-100000, 100000)),
    quantization: scaled(state * time),
  });
  builder.tensor({
    name: "state",
    shape: [batch, filters * memory],
    dtype: "int16",
    data: new Int16Array(batch * filters * memory),
    quantization: scaled(state),
  });
  // LiteRT's integer kernel takes ReLU only, which the range of the codes cuts off.
  const output = make.quantization(dice.scale(0.05, 0.3), -128);
  const one = make.finish(
    { kind: "svdf", attributes: { rank, activation: "relu" } },
    [x, "features", "time", "bias", "state"],
    { quantization: output },
  );
  return { ...one, further: Array.from({ length: 8 }, () => [make.codes("int8", batch * width)]) };
}
