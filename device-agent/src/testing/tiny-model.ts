/**
 * The smallest ONNX model that is worth updating: softmax(x W), as bytes of the protobuf format (onnx.proto, IR 8,
 * opset 13). For tests only; the agent itself never reads a model, its runtime does.
 */

export const INPUTS = 64;
export const CLASSES = 4;

const utf8 = (text: string) => new TextEncoder().encode(text);

function varint(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  while (rest > 127) {
    out.push((rest & 127) | 128);
    rest = Math.floor(rest / 128);
  }
  return [...out, rest];
}

const integer = (field: number, value: number) => [...varint(field * 8), ...varint(value)];
const bytes = (field: number, value: ArrayLike<number>) => [
  ...varint(field * 8 + 2),
  ...varint(value.length),
  ...Array.from(value),
];
const text = (field: number, value: string) => bytes(field, utf8(value));

function node(operator: string, inputs: string[], output: string): number[] {
  return [...inputs.flatMap((name) => text(1, name)), ...text(2, output), ...text(4, operator)];
}

function floatTensor(name: string, shape: number[]): number[] {
  const dims = shape.flatMap((dim) => bytes(1, integer(1, dim)));
  return [...text(1, name), ...bytes(2, bytes(1, [...integer(1, 1), ...bytes(2, dims)]))];
}

/** @param weights INPUTS x CLASSES, row by row. */
export function tinyModel(weights: Float32Array): Uint8Array {
  const raw = new Uint8Array(weights.buffer, weights.byteOffset, weights.byteLength);
  const initializer = [
    ...integer(1, INPUTS),
    ...integer(1, CLASSES),
    ...integer(2, 1),
    ...text(8, "w"),
    ...bytes(9, raw),
  ];
  const graph = [
    ...bytes(1, node("MatMul", ["x", "w"], "logits")),
    ...bytes(1, node("Softmax", ["logits"], "y")),
    ...text(2, "tiny"),
    ...bytes(5, initializer),
    ...bytes(11, floatTensor("x", [1, INPUTS])),
    ...bytes(12, floatTensor("y", [1, CLASSES])),
  ];
  return Uint8Array.from([
    ...integer(1, 8),
    ...bytes(7, graph),
    ...bytes(8, [...text(1, ""), ...integer(2, 13)]),
  ]);
}

/** Input group g speaks for class g: a sample that is bright there is of that class. */
export function tinyWeights(strength: number): Float32Array {
  return Float32Array.from({ length: INPUTS * CLASSES }, (_, i) => {
    const [input, output] = [Math.floor(i / CLASSES), i % CLASSES];
    return input % CLASSES === output ? strength : -strength / CLASSES + (input % 7) / 1000;
  });
}

export function tinyOutput(weights: Float32Array, x: Float32Array): Float32Array {
  const logits = Array.from({ length: CLASSES }, (_, c) =>
    x.reduce((sum, value, i) => sum + value * weights[i * CLASSES + c]!, 0),
  );
  const top = Math.max(...logits);
  const exp = logits.map((value) => Math.exp(value - top));
  const total = exp.reduce((sum, value) => sum + value, 0);
  return Float32Array.from(exp, (value) => value / total);
}

/** A sample of one class with a little noise that `seed` decides. */
export function tinySample(label: number, seed: number): Float32Array {
  return Float32Array.from({ length: INPUTS }, (_, i) => {
    const noise = ((Math.imul(seed * 64 + i + 1, 2_654_435_761) >>> 0) / 2 ** 32) * 0.2;
    return i % CLASSES === label ? 0.8 + noise : noise;
  });
}
