import type { OperatorOf } from "../../../graph/graph.js";
import { tensorOf, zeroPointOf } from "../arithmetic.js";
import type { CFunction } from "../step.js";
import { bytesAt, type DspContext, wordsAt } from "./context.js";
import { planesFor } from "./convert.js";
import {
  matrixInitializer,
  matrixKernel,
  matrixPrototypes,
  matrixRows,
  plainTile,
  requantizationOf,
  tileBytes,
  writeMatrix,
} from "./matrix.js";
import { LOAD_WORD } from "./words.js";

/** A 1x1 convolution: 4 pixels of all channels to a tile, through the matrix kernel, back over the input if need be. */
export function lowerPointwise(context: DspContext, operator: OperatorOf<"conv2d">, depth: number): boolean {
  const evenDepth = depth + (depth % 2);
  const asked = matrixRows(
    context.graph,
    operator,
    Array.from({ length: evenDepth }, (_, c) => (c < depth ? c : -1)),
  );
  const requantized = requantizationOf(
    asked,
    zeroPointOf(tensorOf(context.graph, operator.outputs[0]!)),
    context.takeGiven(operator.name),
  );
  if (requantized === null) return false;
  const { rows, requantization } = requantized;
  const input = planesFor(context, operator, operator.inputs[0]!);
  const output = context.addPlanes(operator.outputs[0]!);
  const pairs = evenDepth / 2;
  const macs = input.planes.major * input.planes.minor * depth * rows.length;
  const tile = plainTile(pairs, macs, context.optimize, context.allMacs);
  const weights = writeMatrix(context.params, rows, requantization);
  const end = `p + ${weights.offset + weights.bytes}`;
  const groups = Math.ceil((input.planes.major * input.planes.minor) / 4);
  const kernel = matrixKernel(tile, requantization);
  const { stride } = input.planes;
  // Whole planes below its input, an output that grows leaves what is still to be read alone.
  const grown = output.planes.channels - evenDepth;
  const lags = grown > 0 && output.planes.channels % 2 === 0 ? [0, grown * stride] : [0];
  context.push(operator, {
    kernelClass: "pointwise",
    macs,
    paramBytes: weights.bytes,
    reads: [input.buffer],
    writes: [output.buffer],
    scratchBytes: tileBytes(tile),
    inPlace: lags.map((outputLag) => ({
      input: input.buffer,
      output: output.buffer,
      outputLag,
      extraScratchBytes: 0,
    })),
    constants: [10, requantization.form === "short" ? requantization.shift : 0],
    emit: (placed) => ({
      call: `{
        const matrix_t matrix = ${matrixInitializer(end, stride, tile)};
        pointwise(${bytesAt(placed.at(input.buffer))}, ${bytesAt(placed.at(output.buffer))}, ${groups}, ${pairs}, p + ${weights.offset}, ${wordsAt(placed.scratch)}, ${kernel.name}, &matrix);
    }`,
      functions: [LOAD_WORD, ...matrixPrototypes(kernel.name), POINTWISE],
      assembly: [kernel],
    }),
  });
  return true;
}

const POINTWISE: CFunction = {
  name: "pointwise",
  source: `/* 1x1 convolution of groups of 4 pixels: each channel pair to 4 words of the tile (even channel low, odd channel high),
 * then the matrix kernel. Planes of in and of out are equally far apart; out may lie on in. */
static void pointwise(const uint8_t *in, uint8_t *out, int32_t groups, int32_t pairs, const uint8_t *weights, uint32_t *tile, matrix_kernel_t *kernel, const matrix_t *matrix) {
    const int32_t plane = matrix->plane;
    uint32_t *const end = tile + 4 * pairs;
    for (int32_t i = 0; i < groups; i++, in += 4, out += 4) {
        const uint8_t *from = in;
        for (uint32_t *to = tile; to != end; to += 4, from += 2 * plane) {
            const uint32_t x = load_word(from);
            const uint32_t y = load_word(from + plane);
            const uint32_t x02 = (uint32_t)__uxtb16(x), x13 = odd_bytes(x);
            const uint32_t y02 = (uint32_t)__uxtb16(y), y13 = odd_bytes(y);
            to[0] = (x02 & 0xffffu) | y02 << 16;
            to[1] = (x13 & 0xffffu) | y13 << 16;
            to[2] = x02 >> 16 | (y02 & 0xffff0000u);
            to[3] = x13 >> 16 | (y13 & 0xffff0000u);
        }
        kernel(tile, weights, out, matrix);
    }
}
`,
};
