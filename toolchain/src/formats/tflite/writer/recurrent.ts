import type { OperatorOf, Quantization, Tensor, TensorData } from "../../../graph/graph.js";
import { code, type FormContext, type FormTable, type TfliteForm, unsupported } from "./form.js";

/** ActivationFunctionType of the cell's output; the only one that integer kernels take. */
const TANH = 4;
/** Gates in TensorFlow Lite's order, by their place in the graph's (ONNX's i, o, f, c). */
const GATES = [
  { name: "input", place: 0 },
  { name: "forget", place: 2 },
  { name: "cell", place: 3 },
  { name: "output", place: 1 },
] as const;

/** Layers with a state. What TensorFlow Lite calls a variable starts at zero and is kept from run to run. */
export const RECURRENT: FormTable = {
  lstm: writeLstm,
  svdf: (operator, context) => {
    const [x, features, time, bias, state] = operator.inputs as [string, string, string, string, string];
    const { rank, activation } = operator.attributes;
    if (context.tensor(x).dtype !== "float32" && activation !== "relu") {
      throw unsupported(
        operator,
        `activation ${activation} of an integer SVDF`,
        "Use ReLU, or keep it in float.",
      );
    }
    return {
      type: "SVDF",
      inputs: [x, features, time, bias, context.variable(context.tensor(state))],
      options: [
        6,
        [
          [0, "int32", rank],
          [1, "int8", code(operator, activation)],
        ],
      ],
    };
  },
};

/** The sequence over time-major steps, then the results in the graph's shapes: the whole sequence, its last step. */
function writeLstm(operator: OperatorOf<"lstm">, context: FormContext): TfliteForm {
  const { hiddenSize, direction } = operator.attributes;
  if (direction !== "forward") {
    throw unsupported(operator, `direction ${direction}`, "Write .onnx instead, or use forward layers only.");
  }
  const x = context.tensor(operator.inputs[0]!);
  if (x.dtype === "int16") {
    throw unsupported(operator, "16-bit activations", "Quantize the layer to int8, or write .onnx instead.");
  }
  const [steps, batch] = x.shape as [number, number, number];
  const results = wantedOutputs(operator, context);
  const like = context.tensor(operator.outputs[0]!);
  const state = { name: `${like.name}/state`, shape: [batch, hiddenSize], dtype: like.dtype } as const;
  const hidden = context.variable({ ...state, ...quantized(like.quantization) });
  const sequence = context.before(
    {
      type: "UNIDIRECTIONAL_SEQUENCE_LSTM",
      inputs: [
        x.name,
        ...weights(operator, context, 1, "input"),
        ...weights(operator, context, 2, "recurrent"),
        ...["", "", ""],
        ...biases(operator, context),
        ...["", ""],
        hidden,
        cellState(operator, context, batch),
        ...["", "", "", ""],
      ],
      ...(like.dtype === "float32" ? {} : { intermediates: intermediates(like, context) }),
      options: [
        71,
        [
          [0, "int8", TANH],
          [3, "int8", 1],
        ],
      ],
    },
    like,
    [steps, batch, hiddenSize],
  );
  const whole = (): TfliteForm => {
    const shape = context.integers(`${like.name}/shape`, like.shape);
    return { type: "RESHAPE", inputs: [sequence, shape], outputs: [like.name], options: [17, []] };
  };
  const last = (): TfliteForm => {
    const bounds = [
      [steps - 1, 0, 0],
      [steps, batch, hiddenSize],
      [1, 1, 1],
    ].map((values) => context.integers(`${like.name}/bounds`, values));
    const outputs = [operator.outputs[1]!];
    return { type: "STRIDED_SLICE", inputs: [sequence, ...bounds], outputs, options: [32, []] };
  };
  if (!results.last) return whole();
  if (results.sequence) context.also(whole(), [like.name]);
  return last();
}

/** Which results are read. TensorFlow Lite's layer gives the sequence alone, of which the last hidden state is a part. */
function wantedOutputs(
  operator: OperatorOf<"lstm">,
  context: FormContext,
): { sequence: boolean; last: boolean } {
  const { graph } = context;
  const [sequence, last, cell] = [0, 1, 2].map((place) => {
    const name = operator.outputs[place];
    if (name === undefined || name === "") return false;
    return graph.outputs.includes(name) || graph.operators.some(({ inputs }) => inputs.includes(name));
  });
  if (cell) {
    throw unsupported(operator, "the last cell state as a result", "Write .onnx instead.");
  }
  return { sequence: sequence!, last: last! };
}

/** Rows of one gate out of [1, 4 * hidden, columns]. */
function weights(operator: OperatorOf<"lstm">, context: FormContext, place: 1 | 2, what: string): string[] {
  const all = context.tensor(operator.inputs[place]!);
  const [, rows, columns] = all.shape as [number, number, number];
  if (all.data === undefined) throw unsupported(operator, "weights that are computed", "Export constants.");
  return GATES.map((gate) =>
    context.constant({
      name: `${all.name}/${what}-to-${gate.name}`,
      shape: [rows / 4, columns],
      dtype: all.dtype,
      data: part(all.data!, gate.place, 4),
      ...quantized(oneScale(operator, all.quantization, gate.place)),
    }),
  );
}

/** One bias per gate: the recurrent half is added to the other, or must be zero where scales differ. */
function biases(operator: OperatorOf<"lstm">, context: FormContext): string[] {
  const { hiddenSize } = operator.attributes;
  const name = operator.inputs[3] ?? "";
  const all = name === "" ? undefined : context.tensor(name);
  const isFloat = context.tensor(operator.inputs[0]!).dtype === "float32";
  return GATES.map((gate) => {
    const [first, second] = [0, 4].map((half) =>
      all?.data === undefined ? undefined : part(all.data, gate.place + half, 8),
    );
    const data = isFloat ? new Float32Array(hiddenSize) : new Int32Array(hiddenSize);
    for (let i = 0; i < hiddenSize; i++) {
      if (!isFloat && Number(second?.[i] ?? 0) !== 0) {
        throw unsupported(
          operator,
          "a recurrent bias of its own",
          "Quantize the model with the biases summed.",
        );
      }
      data[i] = Number(first?.[i] ?? 0) + Number(second?.[i] ?? 0);
    }
    return context.constant({
      name: `${operator.outputs[0]}/${gate.name}-bias`,
      shape: [hiddenSize],
      dtype: isFloat ? "float32" : "int32",
      data,
      ...quantized(oneScale(operator, all?.quantization, gate.place, 8)),
    });
  });
}

function cellState(operator: OperatorOf<"lstm">, context: FormContext, batch: number): string {
  const { hiddenSize } = operator.attributes;
  for (const place of [4, 5]) {
    const name = operator.inputs[place] ?? "";
    const initial = name === "" ? undefined : context.tensor(name);
    const zero = place === 4 ? (initial?.quantization?.zeroPoint[0] ?? 0) : 0;
    if (initial !== undefined && !initial.data?.every((code: number | bigint) => Number(code) === zero)) {
      throw unsupported(operator, "a state that does not begin at zero", "Write .onnx instead.");
    }
  }
  const name = operator.inputs[5] ?? "";
  const initial = name === "" ? undefined : context.tensor(name);
  return context.variable({
    name: `${operator.outputs[0]}/cell-state`,
    shape: [batch, hiddenSize],
    dtype: initial?.dtype ?? "float32",
    ...quantized(initial?.quantization),
  });
}

/** Four for layer norm, which is absent, and the hidden state, which has the output's codes. */
function intermediates(like: Tensor, context: FormContext): string[] {
  const bare = { shape: [0], dtype: "int16" } as const;
  const gate = { scale: new Float32Array([2 ** -12]), zeroPoint: new Int32Array(1), axis: null };
  return [
    ...GATES.map(({ name }) =>
      context.constant({ ...bare, name: `${like.name}/${name}-sum`, quantization: gate }),
    ),
    context.constant({
      name: `${like.name}/hidden`,
      shape: [0],
      dtype: like.dtype,
      ...quantized(like.quantization),
    }),
  ];
}

function part(data: TensorData, place: number, parts: number): TensorData {
  const length = data.length / parts;
  return data.slice(place * length, (place + 1) * length);
}

/** TensorFlow Lite's LSTM has one scale for the weights of a gate. */
function oneScale(
  operator: OperatorOf<"lstm">,
  quantization: Quantization | undefined,
  place: number,
  parts = 4,
): Quantization | undefined {
  if (quantization === undefined || quantization.axis === null) return quantization;
  const length = quantization.scale.length / parts;
  const scale = quantization.scale.slice(place * length, (place + 1) * length);
  if (scale.some((value) => value !== scale[0])) {
    throw unsupported(operator, "weights with a scale per row", "Quantize each gate with one scale.");
  }
  return { scale: scale.slice(0, 1), zeroPoint: new Int32Array(1), axis: null };
}

function quantized(quantization: Quantization | undefined): { quantization?: Quantization } {
  return quantization === undefined ? {} : { quantization };
}
