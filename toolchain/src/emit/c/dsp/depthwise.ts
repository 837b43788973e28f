import type { RowForm } from "@mote/protocol";
import type { OperatorOf } from "../../../graph/graph.js";
import { activationRange, channelsOf, tensorOf, zeroPointOf } from "../arithmetic.js";
import { int32sAt } from "../portable/context.js";
import type { CFunction } from "../step.js";
import { bytesAt, type DspContext } from "./context.js";
import { planesFor } from "./convert.js";
import { canFoldPadding, hasStripAssembly, type StripShape, stripKernel } from "./depthwise-assembly.js";
import { type Planes, type TurnedWindow, turnWindow } from "./geometry.js";
import { type MatrixChannel, type Requantization, requantizationOf } from "./matrix.js";
import { LOAD_WORD } from "./words.js";

/**
 * Depthwise 3x3 on planes: a padded copy of one plane stands in scratch, so borders cost nothing and the output may lie
 * on the input. Two neighbouring outputs share each load: of 4 bytes, 0 and 2 make one halfword pair, 1 and 3 the other;
 * outer taps go through SMLAD, the middle one through SMLABB/SMLATB. With stride 1 sums run down the rows.
 */
export function lowerDspDepthwise(context: DspContext, operator: OperatorOf<"depthwiseConv2d">): boolean {
  const { graph, params } = context;
  const { attributes } = operator;
  const output = tensorOf(graph, operator.outputs[0]!);
  const input = tensorOf(graph, operator.inputs[0]!);
  const [, kernelH, kernelW, channelCount] = tensorOf(graph, operator.inputs[1]!).shape as [
    number,
    number,
    number,
    number,
  ];
  const range = activationRange(attributes.activation, output);
  const isPlain =
    kernelH === 3 &&
    kernelW === 3 &&
    attributes.multiplier === 1 &&
    attributes.dilationH === 1 &&
    attributes.dilationW === 1 &&
    attributes.strideH === attributes.strideW &&
    attributes.strideH <= 2 &&
    range.low === -128 &&
    range.high === 127 &&
    output.shape[0] === 1;
  if (!isPlain) return false;
  const window = turnWindow(3, 3, attributes, context.isTurned);
  const zeroPoint = zeroPointOf(input);
  const asked: MatrixChannel[] = channelsOf(graph, operator).map((channel) => ({
    channel,
    weights: Array.from(channel.weights),
    bias: channel.bias - (zeroPoint + 128) * channel.weights.reduce((a, b) => a + b, 0),
  }));
  const requantized = requantizationOf(asked, zeroPointOf(output), context.takeGiven(operator.name));
  if (requantized === null) return false;
  const { rows, requantization } = requantized;
  const from = planesFor(context, operator, operator.inputs[0]!);
  const made = context.addPlanes(operator.outputs[0]!);
  if (made.planes.minor < 2) return false;
  const padding = params.int32s([zeroPoint + 128]);
  const weights = params.int32s(
    rows.flatMap((row, index) =>
      channelWords(row, requantization, index, { isTurned: context.isTurned, padding: zeroPoint + 128 }),
    ),
    { rowBytes: 4 * CHANNEL_WORDS, form: channelForm(requantization) },
  );
  const rowBytes =
    Math.ceil(
      (Math.max((made.planes.minor - 1) * window.strideMinor + 3, window.beforeMinor + from.planes.minor) +
        2) /
        4,
    ) * 4;
  const neededRows = (made.planes.major - 1) * window.strideMajor + 3;
  const paddedRows = Math.max(neededRows, window.beforeMajor + from.planes.major);
  const strips =
    requantization.form === "short"
      ? stripShape(window, from.planes, made.planes, rowBytes, requantization.shift)
      : null;
  const assembly = strips === null ? null : stripKernel(strips);
  const kernel =
    assembly === null
      ? depthwiseKernel(window, from.planes, made.planes, channelCount, rowBytes, paddedRows, requantization)
      : stripDriver(window, from.planes, made.planes, channelCount, strips!, assembly.name);
  context.push(operator, {
    kernelClass: "depthwise",
    macs: made.planes.major * made.planes.minor * channelCount * 9,
    paramBytes: params.length - padding,
    reads: [from.buffer],
    writes: [made.buffer],
    scratchBytes: rowBytes * (strips === null ? paddedRows : stripRows(strips, window, from.planes)) + 4,
    // Planes of a smaller image end before the planes of the larger one that are still to be read.
    inPlace:
      from.planes.rowBytes === from.planes.minor && made.planes.stride <= from.planes.stride
        ? [{ input: from.buffer, output: made.buffer, outputLag: 0, extraScratchBytes: 0 }]
        : [],
    constants: [20, requantization.form === "short" ? requantization.shift : 0, context.isTurned ? 1 : 0],
    emit: (placed) => ({
      call: `${kernel.name}(${bytesAt(placed.at(from.buffer))}, ${bytesAt(placed.at(made.buffer))}, (uint8_t)*${int32sAt(padding)}, ${int32sAt(weights)}, ${bytesAt(placed.scratch)});`,
      functions: [
        LOAD_WORD,
        DEPTHWISE_CHANNEL,
        ...(assembly === null ? [] : [stripPrototype(assembly.name)]),
        kernel,
      ],
      ...(assembly === null ? {} : { assembly: [assembly] }),
    }),
  });
  return true;
}

const CHANNEL_WORDS = 9;

/** A halfword of each pair is empty. In the short form the biases of the borders move with that of the middle. */
function channelForm({ form }: Requantization): RowForm {
  const words = { hasHead: false, extras: 2, extrasFollow: form === "short", shift: 0 };
  return { codes: "pairs", channels: 1, isLifted: false, keepsValues: false, words };
}

/** Weights times 256 as halfwords: outer taps of each row, then the middle ones, bias, and what requantizes. */
function channelWords(
  { weights, bias }: MatrixChannel,
  requantization: Requantization,
  index: number,
  { isTurned, padding }: { readonly isTurned: boolean; readonly padding: number },
): number[] {
  const weight = (i: number, j: number): number => 256 * weights[isTurned ? j * 3 + i : i * 3 + j]!;
  const pair = (low: number, high: number): number => (low & 0xffff) | (high << 16);
  const words = [0, 1, 2].map((i) => pair(weight(i, 0), weight(i, 2)));
  words.push(pair(weight(0, 1), weight(1, 1)), pair(weight(2, 1), 0));
  if (requantization.form === "short") {
    const { beta, multiplier } = requantization.channels[index]!;
    // Where the first or the last row of taps is all padding.
    const folded = [0, 2].map((i) => padding * (weight(i, 0) + weight(i, 1) + weight(i, 2)));
    const begin = 256 * bias + beta;
    return [...words, begin, multiplier, begin + folded[0]!, begin + folded[1]!];
  }
  const { multiplier, offset, shift } = requantization.channels[index]!;
  return [...words, 256 * bias, multiplier, offset, shift];
}

const DEPTHWISE_CHANNEL: CFunction = {
  name: "depthwise_channel_t",
  source: `/* One channel of a depthwise 3x3: weights x 256 as halfword pairs (taps 0 and 2 of each row), middle taps of rows 0 and
 * 1, of row 2; bias x 256; multiplier; in the short form the bias of the first and of the last output row where that
 * takes in padding, in the long form offset and shift. */
typedef struct {
    int32_t outer0, outer1, outer2, middle01, middle2, bias, multiplier, offset, shift;
} depthwise_channel_t;

static inline int32_t high_word(int32_t a, int32_t b) {
    return (int32_t)((int64_t)a * b >> 32);
}
`,
};

function stripShape(
  { strideMajor, beforeMajor }: TurnedWindow,
  source: Planes,
  out: Planes,
  rowBytes: number,
  shift: number,
): StripShape | null {
  const canFold = canFoldPadding(out.major);
  const shape: StripShape = {
    stride: strideMajor === 2 ? 2 : 1,
    outMajor: out.major,
    outMinor: out.minor,
    rowBytes,
    shift,
    isTopFolded: canFold && beforeMajor === 1,
    isBottomFolded: canFold && (out.major - 1) * strideMajor + 3 - beforeMajor === source.major + 1,
  };
  return hasStripAssembly(shape) ? shape : null;
}

/** Rows of the padded plane that the strips read, and those that the copy fills. */
function stripRows(
  { stride, outMajor, isTopFolded, isBottomFolded }: StripShape,
  { beforeMajor }: TurnedWindow,
  source: Planes,
): number {
  const read = (outMajor - 1) * stride + 3 - (isTopFolded ? 1 : 0) - (isBottomFolded ? 1 : 0);
  return Math.max(read, source.major + (isTopFolded ? 0 : beforeMajor));
}

const stripPrototype = (name: string): CFunction => ({
  name,
  source: `void ${name}(const uint8_t *padded, uint8_t *out, const void *channel);\n`,
});

/** The copy into the padded plane, in C; the strips, in assembly. */
function stripDriver(
  window: TurnedWindow,
  source: Planes,
  out: Planes,
  channels: number,
  shape: StripShape,
  strips: string,
): CFunction {
  const { rowBytes } = shape;
  const paddedRows = stripRows(shape, window, source);
  const before = (shape.isTopFolded ? 0 : window.beforeMajor) * rowBytes + window.beforeMinor;
  const name = `depthwise_${source.major}x${source.minor}x${channels}${source.rowBytes === source.minor ? "" : "_rows"}_p${window.beforeMajor}x${window.beforeMinor}_${strips}`;
  return {
    name,
    source: `/* Depthwise 3x3, stride ${window.strideMajor}, on planes of ${source.major}x${source.minor}; padded holds one plane with its border. Out may lie on in. */
static void ${name}(const uint8_t *in, uint8_t *out, uint8_t padding, const int32_t *weights, uint8_t *padded) {
    const depthwise_channel_t *c = (const depthwise_channel_t *)(const void *)weights;
    memset(padded, padding, ${rowBytes * paddedRows + 4});
    for (int32_t n = 0; n < ${channels}; n++, c++, in += ${source.stride}, out += ${out.stride}) {
        const uint8_t *from = in;
        uint8_t *to = padded + ${before};
        for (int32_t i = 0; i < ${source.major}; i++, from += ${source.rowBytes}, to += ${rowBytes}) {
            memcpy(to, from, ${source.minor});
        }
        ${strips}(padded, out, c);
    }
}
`,
  };
}

function depthwiseKernel(
  window: TurnedWindow,
  source: Planes,
  out: Planes,
  channels: number,
  rowBytes: number,
  paddedRows: number,
  requantization: Requantization,
): CFunction {
  const stride = window.strideMajor;
  const tag = requantization.form === "short" ? `s${requantization.shift}` : "long";
  const name = `depthwise_${source.major}x${source.minor}x${channels}${source.rowBytes === source.minor ? "" : "_rows"}_s${stride}_p${window.beforeMajor}x${window.beforeMinor}_to${out.major}x${out.minor}_${tag}`;
  const code = (sum: string): string =>
    requantization.form === "short"
      ? `(uint32_t)__usat(high_word(${sum}, c->multiplier) >> ${requantization.shift}, 8)`
      : `long_code(${sum}, c)`;
  const store = `                const uint32_t code0 = ${code("low")}, code1 = ${code("high")};
                const uint16_t both = (uint16_t)(code0 | code1 << 8);
                memcpy(o, &both, sizeof both);
                o += ${out.minor};
`;
  const body =
    stride === 1
      ? `            int32_t low = c->bias, high = c->bias, next_low = 0, next_high = 0;
            for (int32_t i = 0; i < 2; i++, x += ${rowBytes}) {
                const uint32_t word = load_word(x);
                const int32_t even = (int32_t)__uxtb16(word), odd = (int32_t)odd_bytes(word);
                if (i == 0) {
                    low = __smlabb(odd, c->middle01, __smlad(even, c->outer0, low));
                    high = __smlatb(even, c->middle01, __smlad(odd, c->outer0, high));
                } else {
                    low = __smlabt(odd, c->middle01, __smlad(even, c->outer1, low));
                    high = __smlatt(even, c->middle01, __smlad(odd, c->outer1, high));
                    next_low = __smlabb(odd, c->middle01, __smlad(even, c->outer0, c->bias));
                    next_high = __smlatb(even, c->middle01, __smlad(odd, c->outer0, c->bias));
                }
            }
            for (int32_t i = 0; i < ${out.major}; i++, x += ${rowBytes}) {
                const uint32_t word = load_word(x);
                const int32_t even = (int32_t)__uxtb16(word), odd = (int32_t)odd_bytes(word);
                low = __smlabb(odd, c->middle2, __smlad(even, c->outer2, low));
                high = __smlatb(even, c->middle2, __smlad(odd, c->outer2, high));
${store}                low = __smlabt(odd, c->middle01, __smlad(even, c->outer1, next_low));
                high = __smlatt(even, c->middle01, __smlad(odd, c->outer1, next_high));
                next_low = __smlabb(odd, c->middle01, __smlad(even, c->outer0, c->bias));
                next_high = __smlatb(even, c->middle01, __smlad(odd, c->outer0, c->bias));
            }
`
      : `            for (int32_t i = 0; i < ${out.major}; i++, x += ${2 * rowBytes}) {
                int32_t low = c->bias, high = c->bias;
${[0, 1, 2]
  .map((row) => {
    const [middle, half] = row === 2 ? ["middle2", "b"] : ["middle01", row === 0 ? "b" : "t"];
    return `                const uint32_t word${row} = load_word(x + ${row * rowBytes});
                const int32_t odd${row} = (int32_t)odd_bytes(word${row});
                low = __smlad((int32_t)__uxtb16(word${row}), c->outer${row}, low);
                high = __smlad((int32_t)__uxtb16(load_word(x + ${row * rowBytes + 2})), c->outer${row}, high);
                low = __smlab${half}(odd${row}, c->${middle}, low);
                high = __smlat${half}(odd${row}, c->${middle}, high);
`;
  })
  .join("")}${store}            }
`;
  const long =
    requantization.form === "long"
      ? `static inline uint32_t long_code(int32_t sum, const depthwise_channel_t *c) {
    const int32_t r = (int32_t)(((int64_t)sum * c->multiplier + (INT64_C(64) << 32)) >> 32);
    return (uint32_t)__usat((r - (int32_t)((uint32_t)r >> 31 << 7) + c->offset) >> c->shift, 8);
}

`
      : "";
  return {
    name,
    source: `${long}/* Depthwise 3x3, stride ${stride}, on planes of ${source.major}x${source.minor}; padded holds one plane with its border. Out may lie on in. */
static void ${name}(const uint8_t *in, uint8_t *out, uint8_t padding, const int32_t *weights, uint8_t *padded) {
    const depthwise_channel_t *c = (const depthwise_channel_t *)(const void *)weights;
    memset(padded, padding, ${rowBytes * paddedRows + 4});
    for (int32_t n = 0; n < ${channels}; n++, c++, in += ${source.stride}, out += ${out.stride}) {
        const uint8_t *from = in;
        uint8_t *to = padded + ${window.beforeMajor * rowBytes + window.beforeMinor};
        for (int32_t i = 0; i < ${source.major}; i++, from += ${source.rowBytes}, to += ${rowBytes}) {
            memcpy(to, from, ${source.minor});
        }
        for (int32_t start = 0; start < ${out.minor}; start += 2) {
            /* An odd last column is computed together with the one before it. */
            const int32_t j = start > ${out.minor - 2} ? ${out.minor - 2} : start;
            const uint8_t *x = padded + j${stride === 1 ? "" : ` * ${stride}`};
            uint8_t *o = out + j;
${body}        }
    }
}
`,
  };
}
