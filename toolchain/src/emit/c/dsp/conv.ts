import type { OperatorOf } from "../../../graph/graph.js";
import { activationRange, channelsOf, tensorOf, zeroPointOf } from "../arithmetic.js";
import { int32sAt } from "../portable/context.js";
import type { CFunction, Optimize } from "../step.js";
import { bytesAt, type DspContext, wordsAt } from "./context.js";
import { planesFor } from "./convert.js";
import { type Planes, planesOf, type TurnedWindow, turnWindow } from "./geometry.js";
import {
  type MatrixChannel,
  matrixKernel,
  matrixPrototype,
  requantizationOf,
  type TileShape,
  tileBytes,
  writeMatrix,
} from "./matrix.js";

/** Tap pairs up to which the inner loop is written out: 12 instructions and about 46 bytes of code each. */
const UNROLLED_PAIRS: Readonly<Record<Optimize, number>> = { speed: 36, balanced: 18, size: 9 };

/** conv2d as matrix kernel over tiles of 4 pixels. false where the portable kernel has to do it. */
export function lowerMatrixConv(context: DspContext, operator: OperatorOf<"conv2d">): boolean {
  const { graph } = context;
  const { attributes } = operator;
  const output = tensorOf(graph, operator.outputs[0]!);
  const range = activationRange(attributes.activation, output);
  if (attributes.groups !== 1 || attributes.dilationH !== 1 || attributes.dilationW !== 1) return false;
  if (range.low !== -128 || range.high !== 127 || output.shape[0] !== 1) return false;
  const [, kernelH, kernelW, depth] = tensorOf(graph, operator.inputs[1]!).shape as [
    number,
    number,
    number,
    number,
  ];
  const window = turnWindow(kernelH, kernelW, attributes, context.isTurned);
  const { top, bottom, left, right } = attributes.padding;
  const isPointwise =
    kernelH * kernelW === 1 &&
    attributes.strideH * attributes.strideW === 1 &&
    top + bottom + left + right === 0;
  const isFirst = context.heldPlanes(operator.inputs[0]!) === undefined && !isPointwise;
  return isFirst
    ? lowerInterleaved(context, operator, window, depth)
    : isPointwise
      ? lowerPointwise(context, operator, depth)
      : lowerPlanar(context, operator, window, depth);
}

/** Rows of the matrix with taps in the order that `tapsOf` gives: indices into a channel's weights, -1 for a zero. */
function matrixRows(
  context: DspContext,
  operator: OperatorOf<"conv2d">,
  taps: readonly number[],
): MatrixChannel[] {
  const zeroPoint = zeroPointOf(tensorOf(context.graph, operator.inputs[0]!));
  return channelsOf(context.graph, operator).map((channel) => {
    const sum = channel.weights.reduce((a, b) => a + b, 0);
    return {
      channel,
      weights: taps.map((tap) => (tap < 0 ? 0 : channel.weights[tap]!)),
      // Inputs are code + 128: the zero point and the 128 are folded in here.
      bias: channel.bias - (zeroPoint + 128) * sum,
    };
  });
}

function lowerPointwise(context: DspContext, operator: OperatorOf<"conv2d">, depth: number): boolean {
  const evenDepth = depth + (depth % 2);
  const asked = matrixRows(
    context,
    operator,
    Array.from({ length: evenDepth }, (_, c) => (c < depth ? c : -1)),
  );
  const requantized = requantizationOf(
    asked,
    zeroPointOf(tensorOf(context.graph, operator.outputs[0]!)),
    context.takeGiven(),
  );
  if (requantized === null) return false;
  const { rows, requantization } = requantized;
  const input = planesFor(context, operator, operator.inputs[0]!);
  const output = context.addPlanes(operator.outputs[0]!);
  const pairs = evenDepth / 2;
  const perTurn = largestDivisor(pairs, UNROLLED_PAIRS[context.optimize]);
  const tile: TileShape = {
    label: `u${perTurn}`,
    offsets: Array.from({ length: perTurn }, (_, i) => 16 * i),
    advance: 16 * perTurn,
    turns: pairs / perTurn,
  };
  const weights = writeMatrix(context.params, rows, requantization);
  const groups = Math.ceil((input.planes.major * input.planes.minor) / 4);
  const kernel = matrixKernel(tile, output.planes.stride, requantization);
  const gather = pointwiseGather(input.planes.stride);
  const driver = pointwiseDriver(groups, pairs, gather.name, kernel.name);
  context.push(operator, {
    kernelClass: "pointwise",
    macs: input.planes.major * input.planes.minor * depth * rows.length,
    paramBytes: weights.bytes,
    reads: [input.buffer],
    writes: [output.buffer],
    scratchBytes: tileBytes(tile),
    inPlace: [{ input: input.buffer, output: output.buffer, outputLag: 0, extraScratchBytes: 0 }],
    constants: [10, requantization.form === "short" ? requantization.shift : 0],
    emit: (placed) => ({
      call: `${driver.name}(${bytesAt(placed.at(input.buffer))}, ${bytesAt(placed.at(output.buffer))}, p + ${weights.offset}, p + ${weights.offset + weights.bytes}, ${wordsAt(placed.scratch)});`,
      functions: [LOAD_WORD, gather, matrixPrototype(kernel.name), driver],
      assembly: [kernel],
    }),
  });
  return true;
}

function largestDivisor(value: number, most: number): number {
  for (let divisor = most; divisor > 1; divisor--) if (value % divisor === 0) return divisor;
  return 1;
}

export const LOAD_WORD: CFunction = {
  name: "load_word",
  source: `/* Four bytes from any address: one LDR. */
static inline uint32_t load_word(const uint8_t *from) {
    uint32_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

/* Bytes 1 and 3 of a word, each in a halfword: one UXTB16 with rotation. */
static inline uint32_t odd_bytes(uint32_t x) {
    return (uint32_t)__uxtb16((uint32_t)(x >> 8 | x << 24));
}
`,
};

/** Four pixels of each channel pair, as halfwords. */
function pointwiseGather(stride: number): CFunction {
  const name = `gather_pointwise_p${stride}`;
  return {
    name,
    source: `/* 4 pixels of each channel pair, ${stride} B apart, to words (even channel low, odd channel high) */
static inline void ${name}(const uint8_t *in, uint32_t *tile, int32_t pairs) {
    const uint32_t *const end = tile + 4 * pairs;
    for (; tile != end; tile += 4, in += ${2 * stride}) {
        const uint32_t x = load_word(in);
        const uint32_t y = load_word(in + ${stride});
        const uint32_t x02 = (uint32_t)__uxtb16(x), x13 = odd_bytes(x);
        const uint32_t y02 = (uint32_t)__uxtb16(y), y13 = odd_bytes(y);
        tile[0] = (x02 & 0xffffu) | y02 << 16;
        tile[1] = (x13 & 0xffffu) | y13 << 16;
        tile[2] = x02 >> 16 | (y02 & 0xffff0000u);
        tile[3] = x13 >> 16 | (y13 & 0xffff0000u);
    }
}
`,
  };
}

function pointwiseDriver(groups: number, pairs: number, gather: string, matrix: string): CFunction {
  const name = `pointwise_${groups}_${matrix}`;
  return {
    name,
    source: `/* 1x1 convolution, 4 pixels at a time; out may lie on in */
static void ${name}(const uint8_t *in, uint8_t *out, const uint8_t *weights, const uint8_t *end, uint32_t *tile) {
    for (int32_t i = 0; i < ${groups}; i++, in += 4, out += 4) {
        ${gather}(in, tile, ${pairs});
        ${matrix}(tile, weights, out, end);
    }
}
`,
  };
}

interface RowRing {
  /** Elements of one padded row, slack for the last group included. */
  readonly width: number;
  readonly rows: number;
}

/** The first convolution: int8 NHWC from the caller, a row of pixels and channels taken as one run. */
function lowerInterleaved(
  context: DspContext,
  operator: OperatorOf<"conv2d">,
  window: TurnedWindow,
  depth: number,
): boolean {
  const { graph } = context;
  const input = tensorOf(graph, operator.inputs[0]!);
  const from = context.codesOf(operator.inputs[0]!)!;
  const run = window.kernelMinor * depth;
  const pairsPerRow = Math.ceil(run / 2);
  const taps: number[] = [];
  for (let i = 0; i < window.kernelMajor; i++)
    for (let t = 0; t < 2 * pairsPerRow; t++)
      taps.push(
        t < run ? tapIndex(window, context.isTurned, i, Math.floor(t / depth), depth) + (t % depth) : -1,
      );
  const asked = matrixRows(context, operator, taps);
  const requantized = requantizationOf(
    asked,
    zeroPointOf(tensorOf(graph, operator.outputs[0]!)),
    context.takeGiven(),
  );
  if (requantized === null) return false;
  const { rows, requantization } = requantized;
  const output = context.addPlanes(operator.outputs[0]!);
  const source = planesOf(input, context.isTurned);
  const isUnrolled = pairsPerRow * window.kernelMajor <= UNROLLED_PAIRS[context.optimize];
  const perTurn = isUnrolled ? pairsPerRow * window.kernelMajor : pairsPerRow;
  const tile: TileShape = {
    label: `u${perTurn}`,
    offsets: Array.from({ length: perTurn }, (_, i) => 16 * i),
    advance: 16 * perTurn,
    turns: isUnrolled ? 1 : window.kernelMajor,
  };
  const stride = window.strideMinor * depth;
  const groups = Math.ceil(output.planes.minor / 4);
  const ring: RowRing = {
    rows: window.kernelMajor,
    width:
      Math.ceil(
        Math.max(
          (4 * groups - 1) * stride + 2 * pairsPerRow,
          window.beforeMinor * depth + source.minor * depth,
        ) / 4,
      ) * 4,
  };
  const zeroPoint = context.params.int32s([zeroPointOf(input) + 128]);
  const weights = writeMatrix(context.params, rows, requantization);
  const kernel = matrixKernel(tile, output.planes.stride, requantization);
  const driver = interleavedDriver(window, depth, source, output.planes, ring, pairsPerRow, kernel.name);
  const tileSize = tileBytes(tile);
  context.push(operator, {
    kernelClass: "conv",
    macs: output.planes.major * output.planes.minor * run * window.kernelMajor * rows.length,
    paramBytes: weights.bytes + 4,
    reads: [from],
    writes: [output.buffer],
    scratchBytes: tileSize + ring.rows * ring.width,
    constants: [11, requantization.form === "short" ? requantization.shift : 0, context.isTurned ? 1 : 0],
    emit: (placed) => ({
      call: `${driver.name}(${bytesAt(placed.at(from))}, ${bytesAt(placed.at(output.buffer))}, (uint8_t)*${int32sAt(zeroPoint)}, p + ${weights.offset}, p + ${weights.offset + weights.bytes}, ${wordsAt(placed.scratch)}, ${bytesAt(placed.scratch + tileSize)});`,
      functions: [matrixPrototype(kernel.name), driver],
      assembly: [kernel],
    }),
  });
  return true;
}

/** Index of channel 0 of a tap among a channel's weights [kh, kw, depth]. */
function tapIndex(window: TurnedWindow, isTurned: boolean, i: number, j: number, depth: number): number {
  const [y, x, width] = isTurned ? [j, i, window.kernelMajor] : [i, j, window.kernelMinor];
  return (y * width + x) * depth;
}

/** Rows enter a ring as code + 128 with their padding, so that neither the gathering nor the sums know borders. */
function ringLoad(window: TurnedWindow, source: Planes, rowsName: string): string {
  return `        for (; loaded < oi * ${window.strideMajor} - ${window.beforeMajor} + ${window.kernelMajor}; loaded++) {
            uint8_t *const row = ring + (loaded + ${window.kernelMajor}) % ${window.kernelMajor} * ${rowsName};
            if (loaded < 0 || loaded >= ${source.major}) {
                memset(row, padding, ${rowsName});
                continue;
            }
`;
}

function interleavedDriver(
  window: TurnedWindow,
  depth: number,
  source: Planes,
  out: Planes,
  ring: RowRing,
  pairsPerRow: number,
  matrix: string,
): CFunction {
  const name = `conv_first_${source.major}x${source.minor}x${depth}_k${window.kernelMajor}x${window.kernelMinor}_${matrix}`;
  const [majorStep, minorStep] = source.isTurned
    ? [depth, source.major * depth]
    : [source.minor * depth, depth];
  const before = window.beforeMinor * depth;
  const stride = window.strideMinor * depth;
  const after = ring.width - before - source.minor * depth;
  const copy =
    minorStep === depth
      ? `            const uint8_t *const from = in + loaded * ${majorStep};
            for (int32_t j = 0; j < ${source.minor * depth}; j++) {
                row[${before} + j] = from[j] ^ 0x80u;
            }
`
      : `            const uint8_t *from = in + loaded * ${majorStep};
            uint8_t *to = row + ${before};
            for (int32_t j = 0; j < ${source.minor}; j++, from += ${minorStep}) {
                for (int32_t c = 0; c < ${depth}; c++) {
                    *to++ = from[c] ^ 0x80u;
                }
            }
`;
  return {
    name,
    source: `/* Convolution ${window.kernelMajor}x${window.kernelMinor} of the caller's codes${source.isTurned ? " (columns first)" : ""}: rows enter a ring as code + 128 with their padding,
 * then 4 pixels at a time go through the matrix kernel. */
static void ${name}(const uint8_t *in, uint8_t *out, uint8_t padding, const uint8_t *weights, const uint8_t *end, uint32_t *tile, uint8_t *ring) {
    int32_t loaded = ${-window.beforeMajor};
    for (int32_t oi = 0; oi < ${out.major}; oi++, out += ${out.minor}) {
${ringLoad(window, source, String(ring.width))}${before > 0 ? `            memset(row, padding, ${before});\n` : ""}${after > 0 ? `            memset(row + ${before + source.minor * depth}, padding, ${after});\n` : ""}${copy}        }
        for (int32_t oj = 0; oj < ${out.minor}; oj += 4) {
            uint32_t *to = tile;
            for (int32_t k = 0; k < ${window.kernelMajor}; k++) {
                const int32_t slot = (oi * ${window.strideMajor} - ${window.beforeMajor} + k + ${window.kernelMajor}) % ${window.kernelMajor};
                const uint8_t *from = ring + slot * ${ring.width} + oj * ${stride};
                for (int32_t i = 0; i < ${pairsPerRow}; i++, from += 2, to += 4) {
                    to[0] = (uint32_t)(from[0] | from[1] << 16);
                    to[1] = (uint32_t)(from[${stride}] | from[${stride + 1}] << 16);
                    to[2] = (uint32_t)(from[${2 * stride}] | from[${2 * stride + 1}] << 16);
                    to[3] = (uint32_t)(from[${3 * stride}] | from[${3 * stride + 1}] << 16);
                }
            }
            ${matrix}(tile, weights, out + oj, end);
        }
    }
}
`,
  };
}

/** A convolution of planes: the same with one ring row per channel, channel pairs sharing a word. */
function lowerPlanar(
  context: DspContext,
  operator: OperatorOf<"conv2d">,
  window: TurnedWindow,
  depth: number,
): boolean {
  const { graph } = context;
  const evenDepth = depth + (depth % 2);
  const taps: number[] = [];
  for (let i = 0; i < window.kernelMajor; i++)
    for (let c = 0; c < evenDepth; c += 2)
      for (let j = 0; j < window.kernelMinor; j++)
        for (const channel of [c, c + 1])
          taps.push(channel < depth ? tapIndex(window, context.isTurned, i, j, depth) + channel : -1);
  const asked = matrixRows(context, operator, taps);
  const requantized = requantizationOf(
    asked,
    zeroPointOf(tensorOf(graph, operator.outputs[0]!)),
    context.takeGiven(),
  );
  if (requantized === null) return false;
  const { rows, requantization } = requantized;
  const input = planesFor(context, operator, operator.inputs[0]!);
  const output = context.addPlanes(operator.outputs[0]!);
  const phases = phasesOf(window);
  const chunkWords = phases.words;
  const chunks = (window.kernelMajor * evenDepth) / 2;
  const chunkPairs = window.kernelMinor;
  // Several chunks make a turn of the loop, so that its own three instructions weigh little.
  const perTurn = largestDivisor(
    chunks,
    Math.max(1, Math.floor(UNROLLED_PAIRS[context.optimize] / chunkPairs)),
  );
  const tile: TileShape = {
    label: `k${window.kernelMinor}s${window.strideMinor}u${perTurn}`,
    offsets: Array.from({ length: perTurn * chunkPairs }, (_, i) => {
      const [chunk, j] = [Math.floor(i / chunkPairs), i % chunkPairs];
      return chunk * chunkWords * 4 + phases.offsetOf(j);
    }),
    advance: perTurn * chunkWords * 4,
    turns: chunks / perTurn,
  };
  const groups = Math.ceil(output.planes.minor / 4);
  const ring: RowRing = {
    rows: window.kernelMajor,
    width:
      Math.ceil(
        Math.max(
          (4 * groups - 1) * window.strideMinor + window.kernelMinor,
          window.beforeMinor + input.planes.minor,
        ) / 4,
      ) * 4,
  };
  const zeroPoint = context.params.int32s([zeroPointOf(tensorOf(graph, operator.inputs[0]!)) + 128]);
  const weights = writeMatrix(context.params, rows, requantization);
  const kernel = matrixKernel(tile, output.planes.stride, requantization);
  const driver = planarDriver(window, evenDepth, input.planes, output.planes, ring, phases, kernel.name);
  const tileSize = tileBytes(tile);
  const isSameSize =
    window.strideMajor === 1 &&
    window.strideMinor === 1 &&
    input.planes.major === output.planes.major &&
    input.planes.minor === output.planes.minor &&
    (output.planes.minor % 4 === 0 || window.kernelMajor - 1 - window.beforeMajor >= 1);
  context.push(operator, {
    kernelClass: "conv",
    macs:
      output.planes.major *
      output.planes.minor *
      window.kernelMajor *
      window.kernelMinor *
      depth *
      rows.length,
    paramBytes: weights.bytes + 4,
    reads: [input.buffer],
    writes: [output.buffer],
    scratchBytes: tileSize + ring.rows * ring.width * evenDepth,
    // The ring holds every input row that the output row being written would destroy.
    inPlace: isSameSize
      ? [{ input: input.buffer, output: output.buffer, outputLag: 0, extraScratchBytes: 0 }]
      : [],
    constants: [12, requantization.form === "short" ? requantization.shift : 0, context.isTurned ? 1 : 0],
    emit: (placed) => ({
      call: `${driver.name}(${bytesAt(placed.at(input.buffer))}, ${bytesAt(placed.at(output.buffer))}, (uint8_t)*${int32sAt(zeroPoint)}, p + ${weights.offset}, p + ${weights.offset + weights.bytes}, ${wordsAt(placed.scratch)}, ${bytesAt(placed.scratch + tileSize)});`,
      functions: [matrixPrototype(kernel.name), driver],
      assembly: [kernel],
    }),
  });
  return true;
}

interface Phases {
  /** Words of one chunk (one kernel row of one channel pair). */
  readonly words: number;
  /** Input column of each word. */
  readonly columns: readonly number[];
  /** Byte offset in the chunk at which the four pixels of minor tap `j` stand. */
  offsetOf(j: number): number;
}

/** Columns of the window of 4 neighbouring outputs, by phase of the stride, so that 4 pixels of a tap are 4 words. */
function phasesOf({ kernelMinor, strideMinor }: TurnedWindow): Phases {
  const last = 3 * strideMinor + kernelMinor - 1;
  const columns: number[] = [];
  const starts: number[] = [];
  for (let phase = 0; phase < strideMinor; phase++) {
    starts.push(columns.length);
    for (let column = phase; column <= last; column += strideMinor) columns.push(column);
  }
  return {
    words: columns.length,
    columns,
    offsetOf: (j) => 4 * (starts[j % strideMinor]! + Math.floor(j / strideMinor)),
  };
}

function planarDriver(
  window: TurnedWindow,
  depth: number,
  source: Planes,
  out: Planes,
  ring: RowRing,
  phases: Phases,
  matrix: string,
): CFunction {
  const name = `conv_${source.major}x${source.minor}x${depth}_k${window.kernelMajor}x${window.kernelMinor}_s${window.strideMajor}x${window.strideMinor}_${matrix}`;
  const rowBytes = ring.width * depth;
  const after = ring.width - window.beforeMinor - source.minor;
  const words = phases.columns
    .map(
      (column, index) =>
        `                    to[${index}] = (uint32_t)(from[${column}] | from[${column + ring.width}] << 16);`,
    )
    .join("\n");
  return {
    name,
    source: `/* Convolution ${window.kernelMajor}x${window.kernelMinor} of planes: ${window.kernelMajor} padded rows of every channel in a ring, then 4 pixels at a time through the
 * matrix kernel; where the image keeps its size, out may lie on in. */
static void ${name}(const uint8_t *in, uint8_t *out, uint8_t padding, const uint8_t *weights, const uint8_t *end, uint32_t *tile, uint8_t *ring) {
    int32_t loaded = ${-window.beforeMajor};
    for (int32_t oi = 0; oi < ${out.major}; oi++, out += ${out.minor}) {
${ringLoad(window, source, String(rowBytes))}            const uint8_t *from = in + loaded * ${source.minor};
            uint8_t *to = row;
            for (int32_t c = 0; c < ${depth}; c++, from += ${source.stride}, to += ${ring.width}) {
${window.beforeMinor > 0 ? `                memset(to, padding, ${window.beforeMinor});\n` : ""}                memcpy(to + ${window.beforeMinor}, from, ${source.minor});
${after > 0 ? `                memset(to + ${window.beforeMinor + source.minor}, padding, ${after});\n` : ""}            }
        }
        for (int32_t oj = 0; oj < ${out.minor}; oj += 4) {
            uint32_t *to = tile;
            for (int32_t k = 0; k < ${window.kernelMajor}; k++) {
                const int32_t slot = (oi * ${window.strideMajor} - ${window.beforeMajor} + k + ${window.kernelMajor}) % ${window.kernelMajor};
                const uint8_t *from = ring + slot * ${rowBytes} + oj * ${window.strideMinor};
                for (int32_t c = 0; c < ${depth / 2}; c++, from += ${2 * ring.width}, to += ${phases.words}) {
${words}
                }
            }
            ${matrix}(tile, weights, out + oj, end);
        }
    }
}
`,
  };
}
