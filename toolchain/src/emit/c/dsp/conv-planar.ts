import type { OperatorOf } from "../../../graph/graph.js";
import { tensorOf, zeroPointOf } from "../arithmetic.js";
import { int32sAt } from "../portable/context.js";
import type { CFunction } from "../step.js";
import { bytesAt, type DspContext, wordsAt } from "./context.js";
import { type RowRing, ringLoad, tapIndex } from "./conv-rows.js";
import { planesFor } from "./convert.js";
import type { Planes, TurnedWindow } from "./geometry.js";
import {
  largestDivisor,
  matrixInitializer,
  matrixKernel,
  matrixPrototypes,
  matrixRows,
  requantizationOf,
  type TileShape,
  tileBytes,
  UNROLLED_PAIRS,
  writeMatrix,
} from "./matrix.js";

/** A convolution of planes: the same with one ring row per channel, channel pairs sharing a word. */
export function lowerPlanar(
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
  const asked = matrixRows(graph, operator, taps);
  const requantized = requantizationOf(
    asked,
    zeroPointOf(tensorOf(graph, operator.outputs[0]!)),
    context.takeGiven(operator.name),
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
  const kernel = matrixKernel(tile, requantization);
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
      call: `{
        const matrix_t matrix = ${matrixInitializer(`p + ${weights.offset + weights.bytes}`, output.planes.stride, tile)};
        ${driver.name}(${bytesAt(placed.at(input.buffer))}, ${bytesAt(placed.at(output.buffer))}, (uint8_t)*${int32sAt(zeroPoint)}, p + ${weights.offset}, &matrix, ${wordsAt(placed.scratch)}, ${bytesAt(placed.scratch + tileSize)});
    }`,
      functions: [...matrixPrototypes(kernel.name), driver],
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
static void ${name}(const uint8_t *in, uint8_t *out, uint8_t padding, const uint8_t *weights, const matrix_t *m, uint32_t *tile, uint8_t *ring) {
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
            ${matrix}(tile, weights, out + oj, m);
        }
    }
}
`,
  };
}
