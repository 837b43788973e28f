import { PLAIN_FORM, type RowForm } from "@mote/protocol";
import type { Graph, OperatorOf } from "../../../graph/graph.js";
import { tensorOf, zeroPointOf } from "../arithmetic.js";
import { int32sAt } from "../portable/context.js";
import type { CFunction } from "../step.js";
import { bytesAt, type DspContext, wordsAt } from "./context.js";
import { planesFor } from "./convert.js";
import { type Planes, planesOf, type TurnedWindow } from "./geometry.js";
import { type MatrixChannel, matrixRows, type Requantization, requantizationOf } from "./matrix.js";
import {
  CHUNK_BYTES,
  CHUNK_PAIRS,
  NEGATED_ROW,
  type OutputForm,
  TILES,
  winogradInput,
  winogradOutput,
  winogradProducts,
} from "./winograd-assembly.js";
import { LOAD_WORD } from "./words.js";

/**
 * A 3x3 convolution that keeps its size, by Winograd's F(2x2, 3x3): half the instructions of the direct kernel for 3.6
 * times its weights in flash. Exact: weights are transformed with 2 G for G, 4 times too large, and stand in int16 as
 * far up as they fit; sums wrap modulo 2^32 and come out whole.
 */

const LEAST_CHANNELS = 8;
const CHUNK_CHANNELS = 2 * CHUNK_PAIRS;
/** Sums stand this far up at most, and in the long form exactly this far (any int8 weights fit then). */
const MOST_LIFT = 8;
const LONG_LIFT = 6;
const INT16_MAX = 32767;

/** Shapes that the kernels take, as they lie in memory. */
function fits(input: Planes, output: Planes, window: TurnedWindow): boolean {
  return (
    window.kernelMajor === 3 &&
    window.kernelMinor === 3 &&
    window.strideMajor === 1 &&
    window.strideMinor === 1 &&
    window.beforeMajor === 1 &&
    window.beforeMinor === 1 &&
    input.major === output.major &&
    input.minor === output.minor &&
    input.channels % CHUNK_CHANNELS === 0 &&
    output.channels >= LEAST_CHANNELS &&
    output.major % 2 === 0 &&
    output.minor % (2 * TILES) === 0
  );
}

/** Bytes of a padded row: one for all layers of a model, so that they share a kernel. */
function pitchOf(graph: Graph, isTurned: boolean): number {
  const widest = graph.operators.reduce((most, { kind, outputs }) => {
    if (kind !== "conv2d") return most;
    const { minor, channels } = planesOf(tensorOf(graph, outputs[0]!), isTurned);
    return channels % CHUNK_CHANNELS === 0 && minor % (2 * TILES) === 0 ? Math.max(most, minor) : most;
  }, 0);
  return Math.ceil((widest + 2) / 4) * 4;
}

/** false where the direct kernel has to do it. The caller has checked groups, dilation and the output's range. */
export function lowerWinograd(
  context: DspContext,
  operator: OperatorOf<"conv2d">,
  window: TurnedWindow,
): boolean {
  const { graph, params, isTurned } = context;
  const source = tensorOf(graph, operator.inputs[0]!);
  const target = tensorOf(graph, operator.outputs[0]!);
  if (!fits(planesOf(source, isTurned), planesOf(target, isTurned), window)) return false;
  const depth = source.shape[3]!;
  const taps = Array.from({ length: 9 * depth }, (_, index) => {
    const [i, j, channel] = [Math.floor(index / (3 * depth)), Math.floor(index / depth) % 3, index % depth];
    return (isTurned ? j * 3 + i : i * 3 + j) * depth + channel;
  });
  const asked = matrixRows(graph, operator, taps).map((row) => ({
    ...row,
    lift: liftOf(row.weights, depth),
  }));
  const requantized = requantizationOf(
    asked,
    zeroPointOf(target),
    context.takeGiven(operator.name),
    LONG_LIFT,
  );
  if (requantized === null) return false;
  const { rows, requantization } = requantized;
  const input = planesFor(context, operator, operator.inputs[0]!);
  const output = context.addPlanes(operator.outputs[0]!);
  const pitch = pitchOf(graph, isTurned);
  const chunks = depth / CHUNK_CHANNELS;
  const padding = params.int32s([zeroPointOf(source) + 128]);
  const words = winogradWords(rows, depth, requantization);
  const pairBytes = 4 * (words.length / Math.ceil(rows.length / 2));
  const weights = params.int32s(words, { rowBytes: pairBytes, form: HALFWORDS });
  const end = params.length;
  const form: OutputForm =
    requantization.form === "short"
      ? { form: "short", shift: requantization.shift }
      : { form: "long", lift: LONG_LIFT };
  const transform = winogradInput(pitch);
  const products = winogradProducts(chunks > 1);
  const finish = winogradOutput(form);
  const driver = winogradDriver(pitch, transform.name);
  const rowBytes = 4 * pitch * depth;
  context.push(operator, {
    kernelClass: "winograd",
    macs: output.planes.major * output.planes.minor * 9 * depth * rows.length,
    paramBytes: end - padding,
    reads: [input.buffer],
    writes: [output.buffer],
    scratchBytes: rowBytes + chunks * CHUNK_BYTES,
    // Four rows of every channel stand in scratch: the two that are written over, one above, one below.
    inPlace: [{ input: input.buffer, output: output.buffer, outputLag: 0, extraScratchBytes: 0 }],
    constants: [13, requantization.form === "short" ? requantization.shift : 0, isTurned ? 1 : 0],
    emit: (placed) => ({
      call: `{
        static const winograd_t layer = {${depth}, ${output.planes.major}, ${output.planes.minor}, ${input.planes.stride}, ${output.planes.stride}, ${products.name}, ${finish.name}};
        ${driver.name}(&layer, ${bytesAt(placed.at(input.buffer))}, ${bytesAt(placed.at(output.buffer))}, (uint8_t)*${int32sAt(padding)}, p + ${weights}, p + ${end}, ${bytesAt(placed.scratch + chunks * CHUNK_BYTES)}, ${wordsAt(placed.scratch)});
    }`,
      functions: [
        LOAD_WORD,
        WINOGRAD_TYPES,
        {
          name: transform.name,
          source: `void ${transform.name}(const uint8_t *rows, uint32_t *transformed);\n`,
        },
        productsPrototype(products.name),
        { name: finish.name, source: `void ${finish.name}(void);\n` },
        COPY_WORDS,
        driver,
      ],
      assembly: [transform, products, finish],
    }),
  });
  return true;
}

/** What a patch takes transformed weights for: bytes, low and high ones apart. */
const HALFWORDS: RowForm = { ...PLAIN_FORM, channels: 2 };

/** (2 G) g (2 G)^T of one input channel: taps [3][3] to [4][4]. */
function transformed(tap: (i: number, j: number) => number): number[][] {
  const expand = ([a, b, c]: readonly [number, number, number]): number[] => [
    2 * a,
    a + b + c,
    a - b + c,
    2 * c,
  ];
  const columns = [0, 1, 2].map((j) => expand([tap(0, j), tap(1, j), tap(2, j)]));
  return [0, 1, 2, 3].map((i) => expand([columns[0]![i]!, columns[1]![i]!, columns[2]![i]!]));
}

const tapsOf =
  (weights: readonly number[], depth: number, channel: number) =>
  (i: number, j: number): number =>
    weights[(3 * i + j) * depth + channel]!;

/** Bits by which sums stand up when the transformed weights go as far up as int16 holds them. */
function liftOf(weights: readonly number[], depth: number): number {
  let most = 1;
  for (let channel = 0; channel < depth; channel++)
    for (const row of transformed(tapsOf(weights, depth, channel)))
      for (const value of row) most = Math.max(most, Math.abs(value));
  return Math.min(MOST_LIFT, 2 + Math.floor(Math.log2(INT16_MAX / most)));
}

/**
 * Per output channel pair: transformed weights, a word of two input channels for either, in the order of the slots;
 * then of each channel the bias and what requantizes. An odd last channel is paired with zeros.
 */
function winogradWords(
  rows: readonly MatrixChannel[],
  depth: number,
  requantization: Requantization,
): number[] {
  const words: number[] = [];
  const liftFor = (row: MatrixChannel): number => (requantization.form === "short" ? row.lift! : LONG_LIFT);
  for (let n = 0; n < rows.length; n += 2) {
    const pair = [rows[n], rows[n + 1]];
    const tables = pair.map((row) =>
      row === undefined
        ? undefined
        : Array.from({ length: depth }, (_, channel) => transformed(tapsOf(row.weights, depth, channel))),
    );
    const half = (index: number, channel: number, i: number, j: number): number => {
      const value = tables[index]?.[channel]?.[i]?.[j];
      if (value === undefined) return 0;
      return (i === NEGATED_ROW ? -value : value) * 2 ** (liftFor(pair[index]!) - 2);
    };
    for (let j = 0; j < 4; j++)
      for (const i of [1, 2, 3, 0])
        for (let channel = 0; channel < depth; channel += 2)
          for (const index of [0, 1])
            words.push((half(index, channel, i, j) & 0xffff) | (half(index, channel + 1, i, j) << 16));
    for (const [index, row] of pair.entries()) {
      const bias = row === undefined ? 0 : row.bias * 2 ** liftFor(row);
      if (requantization.form === "short") {
        const form = requantization.channels[n + index] ?? { beta: 0, multiplier: 0 };
        words.push(bias + form.beta, form.multiplier);
      } else {
        const form = requantization.channels[n + index] ?? { multiplier: 0, offset: 0, shift: 8 };
        words.push(bias, form.multiplier, form.offset, form.shift);
      }
    }
  }
  return words;
}

const PRODUCTS_PARAMETERS =
  "const uint32_t *transformed, const uint8_t *weights, uint8_t *out, const winograd_call_t *call";

const WINOGRAD_TYPES: CFunction = {
  name: "winograd_t",
  source: `/* What the products of one layer need beside pointers: where the weights end, the output transform, bytes of an output
 * row and plane, bytes of the transformed inputs. */
typedef struct {
    const uint8_t *end;
    void (*output_transform)(void);
    int32_t row, plane, transformed_bytes;
} winograd_call_t;

/* A Winograd layer: input channels, rows and columns, bytes of a plane before and after. */
typedef struct {
    int32_t channels, major, minor, in_plane, out_plane;
    void (*products)(${PRODUCTS_PARAMETERS});
    void (*output_transform)(void);
} winograd_t;
`,
};

const productsPrototype = (name: string): CFunction => ({
  name,
  source: `void ${name}(${PRODUCTS_PARAMETERS});\n`,
});

const COPY_WORDS: CFunction = {
  name: "copy_words",
  source: `static inline void copy_words(uint8_t *to, const uint8_t *from, int32_t words) {
    for (; words > 0; words--, to += 4, from += 4) {
        const uint32_t word = load_word(from);
        memcpy(to, &word, sizeof word);
    }
}

static inline void fill_words(uint8_t *to, uint8_t value, int32_t words) {
    const uint32_t word = value * UINT32_C(0x01010101);
    for (; words > 0; words--, to += 4) {
        memcpy(to, &word, sizeof word);
    }
}
`,
};

function winogradDriver(pitch: number, transform: string): CFunction {
  const plane = 4 * pitch;
  const name = `winograd_conv_r${pitch}`;
  return {
    name,
    source: `/* Convolution 3x3 of planes that keeps their size, 2 rows of 8 columns at a time: 4 padded rows of every channel stand in
 * rows, ${pitch} B each; ${CHUNK_CHANNELS} channels are transformed at a time. Out may lie on in. */
static void ${name}(const winograd_t *layer, const uint8_t *in, uint8_t *out, uint8_t padding, const uint8_t *weights, const uint8_t *end, uint8_t *rows, uint32_t *transformed) {
    const int32_t channels = layer->channels, major = layer->major, minor = layer->minor;
    const winograd_call_t call = {end, layer->output_transform, minor, layer->out_plane, channels / ${CHUNK_CHANNELS} * ${CHUNK_BYTES}};
    fill_words(rows, padding, channels * ${pitch});
    for (int32_t y = 0; y < major; y += 2, out += 2 * minor) {
        const int32_t loaded = y == 0 ? 0 : y + 1;
        const uint8_t *from = in + loaded * minor;
        uint8_t *to = rows;
        for (int32_t c = 0; c < channels; c++, from += layer->in_plane, to += ${plane}) {
            if (y > 0) {
                copy_words(to, to + ${2 * pitch}, ${pitch / 2});
            }
            const uint8_t *row = from;
            for (int32_t i = loaded; i < y + 3; i++, row += minor) {
                uint8_t *const inside = to + (i - y + 1) * ${pitch} + 1;
                if (i < major) {
                    copy_words(inside, row, minor / 4);
                } else {
                    fill_words(inside, padding, minor / 4);
                }
            }
        }
        for (int32_t x = 0; x < minor; x += ${2 * TILES}) {
            for (int32_t c = 0; c < channels; c += ${CHUNK_CHANNELS}) {
                ${transform}(rows + c * ${plane} + x, transformed + c * ${CHUNK_BYTES / CHUNK_CHANNELS / 4});
            }
            layer->products(transformed, weights, out + x, &call);
        }
    }
}
`,
  };
}
