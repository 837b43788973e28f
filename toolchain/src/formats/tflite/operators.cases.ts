import type { Activation, Padding, Quantization } from "../../graph/graph.js";
import type { CaseMaker, LitertCase, OperatorOfCase } from "./litert.cases.js";
import { lstm, svdf } from "./recurrent.cases.js";

/** One random graph per call, of the operator that its key names. */
type Cases = Readonly<Record<string, (make: CaseMaker) => LitertCase>>;

const ACTIVATIONS: readonly Activation[] = ["none", "relu", "relu6", "relu-1-1"];

const fixed = (scale: number, zeroPoint: number): Quantization => ({
  scale: new Float32Array([scale]),
  zeroPoint: new Int32Array([zeroPoint]),
  axis: null,
});

function same(size: number, stride: number, extent: number): [number, number] {
  const total = Math.max((Math.ceil(size / stride) - 1) * stride + extent - size, 0);
  return [total >> 1, total - (total >> 1)];
}

/** An image, a window that fits it, and SAME padding or none. */
function windowed(make: CaseMaker, kernelH: number, kernelW: number, dilation = 1) {
  const { dice } = make;
  const [strideH, strideW] = dilation > 1 ? [1, 1] : [dice.int(1, 2), dice.int(1, 3)];
  const [extentH, extentW] = [(kernelH - 1) * dilation + 1, (kernelW - 1) * dilation + 1];
  const [height, width] = [extentH + dice.int(0, 4), extentW + dice.int(0, 4)];
  const rows = same(height, strideH, extentH);
  const columns = same(width, strideW, extentW);
  const none: Padding = { top: 0, bottom: 0, left: 0, right: 0 };
  const padding: Padding =
    dice.unit() < 0.5 ? none : { top: rows[0], bottom: rows[1], left: columns[0], right: columns[1] };
  return { height, width, window: { strideH, strideW, padding } };
}

function convolution(make: CaseMaker, kernelH: number, kernelW: number): LitertCase {
  const { dice } = make;
  const dilation = dice.pick([1, 1, 2]);
  const { height, width, window } = windowed(make, kernelH, kernelW, dilation);
  // LiteRT's reference kernels take groups of 8-bit activations only.
  const groups = make.dtype === "int8" ? dice.pick([1, 1, 2]) : 1;
  const [depth, out] = [dice.int(1, 5) * groups, dice.int(1, 4) * groups];
  const x = make.input([dice.int(1, 2), height, width, depth]);
  const w = make.weights([out, kernelH, kernelW, depth / groups], 0);
  const inputs = [x, w, make.bias(x, w, out)];
  return make.finish(
    {
      kind: "conv2d",
      attributes: {
        ...window,
        dilationH: dilation,
        dilationW: dilation,
        groups,
        activation: dice.pick(ACTIVATIONS),
      },
    },
    inputs,
  );
}

function depthwise(make: CaseMaker): LitertCase {
  const { dice } = make;
  const [kernelH, kernelW, dilation] = [dice.int(1, 4), dice.int(1, 4), dice.pick([1, 1, 2])];
  const { height, width, window } = windowed(make, kernelH, kernelW, dilation);
  const [depth, multiplier] = [dice.int(1, 5), dice.int(1, 3)];
  const x = make.input([1, height, width, depth]);
  const w = make.weights([1, kernelH, kernelW, depth * multiplier], 3);
  return make.finish(
    {
      kind: "depthwiseConv2d",
      attributes: {
        ...window,
        dilationH: dilation,
        dilationW: dilation,
        multiplier,
        activation: dice.pick(ACTIVATIONS),
      },
    },
    [x, w, make.bias(x, w, depth * multiplier)],
  );
}

function transposed(make: CaseMaker): LitertCase {
  const { dice } = make;
  const [kernelH, kernelW] = [dice.int(1, 4), dice.int(1, 4)];
  const [strideH, strideW] = [dice.int(1, 3), dice.int(1, 3)];
  const [height, width, depth, out] = [dice.int(1, 4), dice.int(1, 4), dice.int(1, 4), dice.int(1, 4)];
  const isSame = dice.unit() < 0.5;
  // SAME gives an output of size * stride; VALID the whole of every kernel.
  const rows = isSame ? Math.max(kernelH - strideH, 0) : 0;
  const columns = isSame ? Math.max(kernelW - strideW, 0) : 0;
  const x = make.input([1, height, width, depth]);
  const w = make.weights([out, kernelH, kernelW, depth], 0);
  const inputs = dice.unit() < 0.7 ? [x, w, make.bias(x, w, out)] : [x, w];
  return make.finish(
    {
      kind: "transposeConv2d",
      attributes: {
        strideH,
        strideW,
        padding: {
          top: rows >> 1,
          bottom: rows - (rows >> 1),
          left: columns >> 1,
          right: columns - (columns >> 1),
        },
        dilationH: 1,
        dilationW: 1,
        groups: 1,
        outputPaddingH: isSame ? Math.max(strideH - kernelH, 0) : 0,
        outputPaddingW: isSame ? Math.max(strideW - kernelW, 0) : 0,
        activation: dice.pick(["none", "relu", "relu6"]),
      },
    },
    inputs,
  );
}

/** LiteRT multiplies matrices with a library (ruy) that rounds once; TensorFlow Lite Micro and CMSIS-NN round twice. */
function dense(make: CaseMaker): LitertCase {
  const { dice } = make;
  const [depth, units] = [dice.int(1, 40), dice.int(1, 9)];
  const keepDims = dice.unit() < 0.5;
  const x = make.input(keepDims ? [2, 3, depth] : [dice.int(1, 3), depth]);
  const w = make.weights([units, depth], dice.pick([0, null]));
  const inputs = dice.unit() < 0.8 ? [x, w, make.bias(x, w, units)] : [x, w];
  const one = make.finish(
    { kind: "fullyConnected", attributes: { activation: dice.pick(ACTIVATIONS), keepDims } },
    inputs,
  );
  return { ...one, rounding: "single" };
}

function matMul(make: CaseMaker): LitertCase {
  const { dice } = make;
  const [rows, inner, columns, batch] = [dice.int(1, 4), dice.int(1, 20), dice.int(1, 5), dice.int(1, 3)];
  const [transposeA, transposeB] = [dice.unit() < 0.5, dice.unit() < 0.5];
  const a = make.input([batch, ...(transposeA ? [inner, rows] : [rows, inner])]);
  const b = make.input([dice.pick([1, batch]), ...(transposeB ? [columns, inner] : [inner, columns])]);
  return make.finish({ kind: "matMul", attributes: { transposeA, transposeB } }, [a, b]);
}

function pool(make: CaseMaker, kind: "maxPool2d" | "averagePool2d"): LitertCase {
  const { dice } = make;
  const [kernelH, kernelW] = [dice.int(1, 4), dice.int(1, 4)];
  const { height, width, window } = windowed(make, kernelH, kernelW);
  const x = make.input([dice.int(1, 2), height, width, dice.int(1, 5)]);
  const attributes = { ...window, kernelH, kernelW, activation: dice.pick(ACTIVATIONS) };
  const operator: OperatorOfCase =
    kind === "maxPool2d"
      ? { kind, attributes }
      : { kind, attributes: { ...attributes, countIncludePad: false } };
  return make.finish(operator, [x], make.like(x));
}

/** Two shapes that broadcast: the same, one row of the other, or a scalar. */
function pair(make: CaseMaker): [string, string] {
  const { dice } = make;
  const shape = [dice.int(1, 2), dice.int(1, 4), dice.int(1, 4), dice.int(1, 6)];
  const other = dice.pick([shape, shape.slice(3), [1, 1, shape[2]!, 1], [1], [shape[0]!, 1, 1, shape[3]!]]);
  const inputs = dice.unit() < 0.5 ? [shape, other] : [other, shape];
  return [make.input(inputs[0]!), make.input(inputs[1]!)];
}

function arithmetic(kind: "add" | "sub" | "mul") {
  return (make: CaseMaker): LitertCase =>
    make.finish({ kind, attributes: { activation: make.dice.pick(ACTIVATIONS) } }, pair(make));
}

/** Neither of zero nor by it: there TensorFlow Lite's kernel shifts by more bits than a word has. */
function division(make: CaseMaker): LitertCase {
  const nonZero = (): string => {
    const q = make.quantization();
    return make.input([2, 3, 40], q, (code) => code !== q.zeroPoint[0]!);
  };
  const [a, b] = [nonZero(), nonZero()];
  const output = make.quantization(make.dice.scale(0.02, 0.2) / (make.dtype === "int16" ? 256 : 1));
  const activation = make.dice.pick(ACTIVATIONS);
  return make.finish({ kind: "div", attributes: { activation } }, [a, b], { quantization: output });
}

/** Of positive numbers. */
function root(kind: "sqrt" | "rsqrt") {
  return (make: CaseMaker): LitertCase => {
    const q = make.quantization(undefined, make.dtype === "int8" ? make.dice.int(-128, -20) : 0);
    const x = make.input([2, 3, 40], q, (code) => code >= q.zeroPoint[0]!);
    return make.finish({ kind, attributes: {} }, [x]);
  };
}

function extremum(kind: "minimum" | "maximum") {
  return (make: CaseMaker): LitertCase => {
    const { dice } = make;
    const q = make.quantization();
    const shape = [dice.int(1, 3), dice.int(1, 3), dice.int(1, 5)];
    const a = make.input(shape, q);
    const b = make.input(dice.pick([shape, shape.slice(2), [1]]), q);
    return make.finish({ kind, attributes: {} }, [a, b], { quantization: q });
  };
}

/**
 * Of codes that are not negative: LiteRT's SUM takes int8 codes for unsigned ones and wraps around at the end, where
 * TensorFlow Lite Micro's, which we follow, does not. 16-bit sums LiteRT has only in 16 bits.
 */
function sum(make: CaseMaker): LitertCase {
  const { dice } = make;
  const zero = dice.int(0, 127);
  const q = make.quantization(undefined, zero);
  const x = make.input([1, dice.int(1, 4), dice.int(1, 4), dice.int(1, 6)], q, (code) => code >= zero);
  const axes = dice.pick([[1, 2], [1], [2], [3]]);
  return make.finish({ kind: "sum", attributes: { axes, keepDims: dice.unit() < 0.5 } }, [x], {
    quantization: fixed(q.scale[0]! * 40, 0),
  });
}

function reduction(kind: "mean" | "reduceMax" | "reduceMin") {
  return (make: CaseMaker): LitertCase => {
    const { dice } = make;
    const x = make.input([dice.int(1, 2), dice.int(1, 7), dice.int(1, 7), dice.int(1, 6)]);
    const axes = dice.pick([[1, 2], [1], [2], [3], [0, 1, 2, 3], [2, 3]]);
    const isMove = kind === "reduceMax" || kind === "reduceMin";
    return make.finish(
      { kind, attributes: { axes, keepDims: dice.unit() < 0.5 } },
      [x],
      isMove ? make.like(x) : { quantization: make.quantization() },
    );
  };
}

function argument(kind: "argMax" | "argMin") {
  return (make: CaseMaker): LitertCase => {
    const { dice } = make;
    const x = make.input([dice.int(1, 2), dice.int(1, 5), dice.int(2, 9)]);
    return make.finish({ kind, attributes: { axis: dice.int(0, 2), keepDims: false } }, [x], {
      dtype: "int32",
    });
  };
}

/** An operator of one input, with the output's quantization where the format prescribes one. */
function unary(operator: OperatorOfCase, output?: Quantization, inputScale?: readonly [number, number]) {
  return (make: CaseMaker): LitertCase => {
    const { dice } = make;
    const q = make.quantization(inputScale === undefined ? undefined : make.activationScale(...inputScale));
    const x = make.input([dice.int(1, 3), dice.int(1, 3), dice.int(20, 90)], q);
    return make.finish(operator, [x], { quantization: output ?? make.quantization() });
  };
}

function prelu(make: CaseMaker): LitertCase {
  const { dice } = make;
  const x = make.input([1, dice.int(1, 3), dice.int(1, 3), dice.int(1, 6)]);
  const channels = make.builder.get(x).shape[3]!;
  const slope = make.input(dice.pick([[1, 1, channels], [channels]]));
  return make.finish({ kind: "prelu", attributes: {} }, [x, slope]);
}

function concat(make: CaseMaker): LitertCase {
  const { dice } = make;
  const q = make.quantization();
  const axis = dice.int(0, 3);
  const shape = [1, dice.int(1, 3), dice.int(1, 3), dice.int(1, 4)];
  const inputs = Array.from({ length: dice.int(2, 4) }, () =>
    make.input(
      shape.map((length, i) => (i === axis ? dice.int(1, 3) : length)),
      q,
    ),
  );
  return make.finish({ kind: "concat", attributes: { axis, activation: "none" } }, inputs, {
    quantization: q,
  });
}

function pad(mode: "constant" | "reflect") {
  return (make: CaseMaker): LitertCase => {
    const { dice } = make;
    const shape = [1, dice.int(2, 4), dice.int(2, 4), dice.int(1, 3)];
    const x = make.input(shape);
    const amounts = () => [0, dice.int(0, 1), dice.int(0, 1), mode === "constant" ? dice.int(0, 2) : 0];
    const value = mode === "constant" ? dice.pick([0, 0, 0.25, -0.5]) : 0;
    return make.finish(
      { kind: "pad", attributes: { before: amounts(), after: amounts(), mode, value } },
      [x],
      make.like(x),
    );
  };
}

function split(make: CaseMaker): LitertCase {
  const { dice } = make;
  const axis = dice.int(1, 3);
  const sizes = dice.pick([
    [2, 2],
    [1, 2, 3],
    [3, 3, 3],
  ]);
  const total = sizes.reduce((a, b) => a + b, 0);
  const x = make.input(
    [1, dice.int(1, 3), dice.int(1, 3), dice.int(1, 3)].map((n, i) => (i === axis ? total : n)),
  );
  return make.finish({ kind: "split", attributes: { axis, sizes } }, [x], make.like(x), sizes.length);
}

function slice(make: CaseMaker): LitertCase {
  const { dice } = make;
  const shape = [1, dice.int(3, 6), dice.int(3, 6), dice.int(1, 4)];
  const strides = dice.pick([
    [1, 1, 1, 1],
    [1, 2, 1, 1],
    [1, 2, 3, 1],
  ]);
  const begin = shape.map((length) => (length > 2 ? dice.int(0, 1) : 0));
  const size = shape.map((length, i) => Math.ceil((length - begin[i]! - (length > 3 ? 1 : 0)) / strides[i]!));
  const x = make.input(shape);
  return make.finish({ kind: "slice", attributes: { begin, size, strides } }, [x], make.like(x));
}

function transpose(make: CaseMaker): LitertCase {
  const { dice } = make;
  const x = make.input([dice.int(1, 3), dice.int(1, 4), dice.int(1, 4), dice.int(1, 4)]);
  const permutation = dice.pick([
    [0, 2, 1, 3],
    [0, 3, 1, 2],
    [3, 2, 1, 0],
  ]);
  return make.finish({ kind: "transpose", attributes: { permutation } }, [x], make.like(x));
}

function reshape(make: CaseMaker): LitertCase {
  const [a, b] = [make.dice.int(1, 4), make.dice.int(1, 5)];
  const x = make.input([1, a, b, 6]);
  return make.finish({ kind: "reshape", attributes: { shape: [a, 2, b * 3] } }, [x], make.like(x));
}

function resize(kind: "resizeNearest" | "resizeBilinear") {
  return (make: CaseMaker): LitertCase => {
    const { dice } = make;
    const x = make.input([dice.int(1, 2), dice.int(1, 5), dice.int(1, 5), dice.int(1, 3)]);
    const [alignCorners, halfPixelCenters] = dice.pick([
      [false, false],
      [true, false],
      [false, true],
    ]);
    return make.finish(
      {
        kind,
        attributes: {
          height: dice.int(1, 9),
          width: dice.int(1, 9),
          alignCorners: alignCorners!,
          halfPixelCenters: halfPixelCenters!,
        },
      },
      [x],
      make.like(x),
    );
  };
}

function gather(make: CaseMaker): LitertCase {
  const { dice } = make;
  const table = make.input([dice.int(2, 9), dice.int(1, 6)]);
  const rows = make.builder.get(table).shape[0]!;
  const count = dice.int(1, 7);
  const indices = make.builder.tensor({
    name: "indices",
    shape: [count],
    dtype: "int32",
    data: Int32Array.from({ length: count }, () => dice.int(0, rows - 1)),
  });
  return make.finish({ kind: "gather", attributes: { axis: 0 } }, [table, indices], make.like(table));
}

function tile(make: CaseMaker): LitertCase {
  const x = make.input([1, make.dice.int(1, 3), make.dice.int(1, 4)]);
  return make.finish(
    { kind: "tile", attributes: { repeats: [2, 1, make.dice.int(1, 3)] } },
    [x],
    make.like(x),
  );
}

function expand(make: CaseMaker): LitertCase {
  const x = make.input([1, make.dice.int(1, 3), 1]);
  const middle = make.builder.get(x).shape[1]!;
  return make.finish({ kind: "expand", attributes: { shape: [2, middle, 4] } }, [x], make.like(x));
}

function requantize(dtype: "int8" | "int16") {
  return (make: CaseMaker): LitertCase => {
    const x = make.input([2, 60]);
    const scale = make.dice.scale(0.004, 0.1) / (dtype === "int16" ? 256 : 1);
    const zeroPoint = dtype === "int8" ? make.dice.int(-128, 127) : 0;
    return make.finish({ kind: "requantize", attributes: {} }, [x], {
      dtype,
      quantization: fixed(scale, zeroPoint),
    });
  };
}

function dequantize(make: CaseMaker): LitertCase {
  const x = make.input([2, 60]);
  make.builder.operator(
    { kind: "dequantize", name: make.name, inputs: [x], outputs: ["y"], attributes: {} },
    { dtype: "float32" },
  );
  make.builder.outputs.push("y");
  return { name: make.name, graph: make.builder.build(), inputs: make.inputs };
}

/** Takes the real numbers of a dequantize, so that both sides begin with codes. */
function quantize(make: CaseMaker): LitertCase {
  const x = make.input([2, 60]);
  make.builder.operator(
    { kind: "dequantize", name: "real", inputs: [x], outputs: ["real"], attributes: {} },
    { dtype: "float32" },
  );
  return make.finish({ kind: "quantize", attributes: {} }, ["real"], {
    dtype: make.dtype,
    quantization: make.quantization(),
  });
}

/** What both schemes have. */
const BOTH: Cases = {
  conv2d: (make) => convolution(make, make.dice.int(1, 3), make.dice.int(1, 4)),
  "conv2d of height 1": (make) => convolution(make, 1, make.dice.int(1, 5)),
  depthwiseConv2d: depthwise,
  transposeConv2d: transposed,
  fullyConnected: dense,
  matMul,
  maxPool2d: (make) => pool(make, "maxPool2d"),
  averagePool2d: (make) => pool(make, "averagePool2d"),
  add: arithmetic("add"),
  sub: arithmetic("sub"),
  mul: arithmetic("mul"),
  minimum: extremum("minimum"),
  maximum: extremum("maximum"),
  mean: reduction("mean"),
  reduceMax: reduction("reduceMax"),
  reduceMin: reduction("reduceMin"),
  relu: unary({ kind: "relu", attributes: {} }),
  relu6: unary({ kind: "relu6", attributes: {} }),
  leakyRelu: unary({ kind: "leakyRelu", attributes: { alpha: 0.13 } }),
  concat,
  pad: pad("constant"),
  mirrorPad: pad("reflect"),
  split,
  slice,
  transpose,
  reshape,
  resizeNearest: resize("resizeNearest"),
  resizeBilinear: resize("resizeBilinear"),
  gather,
  tile,
  expand,
  dequantize,
  quantize,
  abs: unary({ kind: "abs", attributes: {} }),
  rsqrt: root("rsqrt"),
  sqrt: root("sqrt"),
  div: division,
  exp: unary({ kind: "exp", attributes: {} }),
  log: unary({ kind: "log", attributes: {} }),
};

export const OPERATOR_CASES: { readonly int8: Cases; readonly int16: Cases } = {
  int8: {
    ...BOTH,
    sum,
    lstm,
    svdf,
    argMax: argument("argMax"),
    argMin: argument("argMin"),
    prelu,
    clip: unary({ kind: "clip", attributes: { min: -1, max: 1 } }),
    hardSwish: unary({ kind: "hardSwish", attributes: {} }),
    sigmoid: unary({ kind: "sigmoid", attributes: {} }, fixed(1 / 256, -128)),
    tanh: unary({ kind: "tanh", attributes: {} }, fixed(1 / 128, 0)),
    elu: unary({ kind: "elu", attributes: { alpha: 1 } }),
    gelu: unary({ kind: "gelu", attributes: { approximate: false } }),
    "gelu by tanh": unary({ kind: "gelu", attributes: { approximate: true } }),
    softmax: unary({ kind: "softmax", attributes: { axis: -1, beta: 1 } }, fixed(1 / 256, -128)),
    "softmax with beta": unary(
      { kind: "softmax", attributes: { axis: -1, beta: 0.7 } },
      fixed(1 / 256, -128),
    ),
    logSoftmax: unary({ kind: "logSoftmax", attributes: { axis: -1 } }, fixed(16 / 256, 127)),
    "requantize to int8": requantize("int8"),
    "requantize to int16": requantize("int16"),
  },
  int16: {
    ...BOTH,
    softmax: unary({ kind: "softmax", attributes: { axis: -1, beta: 1 } }, fixed(1 / 32768, 0)),
    sigmoid: unary({ kind: "sigmoid", attributes: {} }, fixed(1 / 32768, 0)),
    tanh: unary({ kind: "tanh", attributes: {} }, fixed(1 / 32768, 0)),
    "requantize to int8": requantize("int8"),
    "requantize to int16": requantize("int16"),
  },
};
