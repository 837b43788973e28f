import type { OperatorOf } from "../../../graph/graph.js";
import { tensorOf, zeroPointOf } from "../arithmetic.js";
import { int32sAt } from "../portable/context.js";
import type { CFunction } from "../step.js";
import { bytesAt, type DspContext, wordsAt } from "./context.js";
import { type RowRing, ringLoad, tapIndex } from "./conv-rows.js";
import { type Planes, planesOf, type TurnedWindow } from "./geometry.js";
import {
  matrixKernel,
  matrixPrototype,
  matrixRows,
  requantizationOf,
  type TileShape,
  tileBytes,
  UNROLLED_PAIRS,
  writeMatrix,
} from "./matrix.js";

/** The first convolution: int8 NHWC from the caller, a row of pixels and channels taken as one run. */
export function lowerInterleaved(
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
  const asked = matrixRows(graph, operator, taps);
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
