import type { OperatorOf } from "../../../graph/graph.js";
import { tensorOf, zeroPointOf } from "../arithmetic.js";
import type { CFunction } from "../step.js";
import { bytesAt, type DspContext, wordsAt } from "./context.js";
import { planesFor } from "./convert.js";
import {
  largestDivisor,
  matrixKernel,
  matrixPrototype,
  matrixRows,
  requantizationOf,
  type TileShape,
  tileBytes,
  UNROLLED_PAIRS,
  writeMatrix,
} from "./matrix.js";
import { LOAD_WORD } from "./words.js";

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
