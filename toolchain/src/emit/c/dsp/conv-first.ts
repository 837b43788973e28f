import type { OperatorOf } from "../../../graph/graph.js";
import { tensorOf, zeroPointOf } from "../arithmetic.js";
import { int32sAt } from "../portable/context.js";
import type { CFunction } from "../step.js";
import { bytesAt, type DspContext, wordsAt } from "./context.js";
import { type RowRing, ringLoad, tapIndex } from "./conv-rows.js";
import { type Planes, planesOf, type TurnedWindow, withRowsTogether } from "./geometry.js";
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

/** The first convolution: int8 NHWC from the caller, a row of pixels and channels taken as one run. */
export function lowerInterleaved(
  context: DspContext,
  operator: OperatorOf<"conv2d">,
  window: TurnedWindow,
  depth: number,
): boolean {
  const { graph, isTurned } = context;
  const input = tensorOf(graph, operator.inputs[0]!);
  const from = context.codesOf(operator.inputs[0]!)!;
  const runTaps = tapsOfRun(window.kernelMinor * depth);
  const pairsPerRow = runTaps.length / 2;
  const taps = Array.from({ length: window.kernelMajor }, (_, i) =>
    runTaps.map((t) =>
      t < 0 ? -1 : tapIndex(window, isTurned, i, Math.floor(t / depth), depth) + (t % depth),
    ),
  ).flat();
  const asked = matrixRows(graph, operator, taps);
  const requantized = requantizationOf(
    asked,
    zeroPointOf(tensorOf(graph, operator.outputs[0]!)),
    context.takeGiven(operator.name),
  );
  if (requantized === null) return false;
  const { rows, requantization } = requantized;
  const source = planesOf(input, isTurned);
  const output = context.addPlanes(operator.outputs[0]!, outputPlanes(context, operator));
  const macs =
    output.planes.major * output.planes.minor * window.kernelMinor * depth * window.kernelMajor * rows.length;
  const tile = plainTile(pairsPerRow * window.kernelMajor, macs, context.optimize, context.allMacs);
  const stride = window.strideMinor * depth;
  const groups = Math.ceil(output.planes.minor / 4);
  const ring: RowRing = {
    rows: window.kernelMajor,
    width:
      Math.ceil(
        Math.max(
          (4 * groups - 1) * stride + Math.ceil((window.kernelMinor * depth) / 4) * 4,
          (window.beforeMinor + source.minor) * depth + 3,
        ) / 4,
      ) * 4,
  };
  const zeroPoint = context.params.int32s([zeroPointOf(input) + 128]);
  const weights = writeMatrix(context.params, rows, requantization);
  const end = `p + ${weights.offset + weights.bytes}`;
  const kernel = matrixKernel(tile, requantization);
  const driver = interleavedDriver(window, depth, source, output.planes, ring, kernel.name);
  const tileSize = tileBytes(tile);
  context.push(operator, {
    kernelClass: "conv",
    macs,
    paramBytes: weights.bytes + 4,
    reads: [from],
    writes: [output.buffer],
    scratchBytes: tileSize + ring.rows * ring.width,
    inPlace: isRowByRow(output.planes)
      ? [
          {
            input: from,
            output: output.buffer,
            outputLag: lagOf(window, depth, source, output.planes),
            extraScratchBytes: 0,
          },
        ]
      : [],
    constants: [
      11,
      requantization.form === "short" ? requantization.shift : 0,
      isTurned ? 1 : 0,
      isRowByRow(output.planes) ? 1 : 0,
    ],
    emit: (placed) => ({
      call: `{
        const matrix_t matrix = ${matrixInitializer(end, output.planes.stride, tile)};
        ${driver.name}(${bytesAt(placed.at(from))}, ${bytesAt(placed.at(output.buffer))}, (uint8_t)*${int32sAt(zeroPoint)}, p + ${weights.offset}, &matrix, ${wordsAt(placed.scratch)}, ${bytesAt(placed.scratch + tileSize)});
    }`,
      functions: [LOAD_WORD, ...matrixPrototypes(kernel.name), driver],
      assembly: [kernel],
    }),
  });
  return true;
}

const isRowByRow = ({ minor, rowBytes }: Planes): boolean => rowBytes !== minor;

/**
 * Rows together where that is asked for, nobody but one depthwise layer reads them, and no store of 4 pixels reaches
 * into the next channel's row.
 */
function outputPlanes(context: DspContext, { outputs }: OperatorOf<"conv2d">): Planes {
  const { graph, isTurned } = context;
  const planes = planesOf(tensorOf(graph, outputs[0]!), isTurned);
  const readers = graph.operators.filter(({ inputs }) => inputs.includes(outputs[0]!));
  const isPrivate =
    readers.length === 1 && readers[0]!.kind === "depthwiseConv2d" && !graph.outputs.includes(outputs[0]!);
  if (!isPrivate || isTurned || planes.minor % 4 !== 0 || planes.channels % 2 !== 0) return planes;
  context.hasRowsChoice = true;
  return context.rowsTogether ? withRowsTogether(planes) : planes;
}

/** Bytes that the output must begin before the input, so that no row lands on one that is still to be read. */
function lagOf(window: TurnedWindow, depth: number, source: Planes, out: Planes): number {
  let lag = 0;
  for (let oi = 0; oi < out.major; oi++) {
    const read = Math.min(source.major, oi * window.strideMajor - window.beforeMajor + window.kernelMajor);
    lag = Math.max(lag, (oi + 1) * out.rowBytes - read * source.minor * depth);
  }
  return Math.ceil(lag / 8) * 8;
}

/**
 * Taps of one row of the window as pairs: of 4 neighbouring bytes 0 and 2, then 1 and 3, which one UXTB16 each takes out
 * of a word. -1 for a zero.
 */
function tapsOfRun(run: number): number[] {
  const taps: number[] = [];
  for (let t = 0; t < run; t += 4) {
    const rest = run - t;
    if (rest === 1) taps.push(t, -1);
    else if (rest === 2) taps.push(t, t + 1);
    else taps.push(t, t + 2, t + 1, rest === 3 ? -1 : t + 3);
  }
  return taps;
}

/** C text: the words of one row of the window for 4 pixels. */
function gatherRow(run: number, stride: number): string {
  const lines: string[] = [];
  let word = 0;
  for (let t = 0; t < run; t += 4) {
    const rest = run - t;
    for (let pixel = 0; pixel < 4; pixel++) {
      const at = t + pixel * stride;
      if (rest === 1) lines.push(`to[${word + pixel}] = from[${at}];`);
      else if (rest === 2)
        lines.push(`to[${word + pixel}] = (uint32_t)(from[${at}] | from[${at + 1}] << 16);`);
      else {
        const name = `w${t}_${pixel}`;
        lines.push(
          `const uint32_t ${name} = load_word(from + ${at});`,
          `to[${word + pixel}] = (uint32_t)__uxtb16(${name});`,
          `to[${word + 4 + pixel}] = odd_bytes(${name});`,
        );
      }
    }
    word += rest > 2 ? 8 : 4;
  }
  return lines.map((text) => `                ${text}\n`).join("");
}

function interleavedDriver(
  window: TurnedWindow,
  depth: number,
  source: Planes,
  out: Planes,
  ring: RowRing,
  matrix: string,
): CFunction {
  const name = `conv_first_${source.major}x${source.minor}x${depth}_k${window.kernelMajor}x${window.kernelMinor}_${matrix}`;
  const [majorStep, minorStep] = source.isTurned
    ? [depth, source.major * depth]
    : [source.minor * depth, depth];
  const before = window.beforeMinor * depth;
  const stride = window.strideMinor * depth;
  const run = window.kernelMinor * depth;
  const after = ring.width - before - source.minor * depth;
  const rowBytes = source.minor * depth;
  const copy =
    minorStep === depth
      ? `            const uint8_t *const from = in + loaded * ${majorStep};
            for (int32_t j = 0; j < ${rowBytes}; j += 4) {
                const uint32_t codes = load_word(from + j) ^ UINT32_C(0x80808080);
                memcpy(row + ${before} + j, &codes, sizeof codes);
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
  const words = tapsOfRun(run).length * 2;
  return {
    name,
    source: `/* Convolution ${window.kernelMajor}x${window.kernelMinor} of the caller's codes${source.isTurned ? " (columns first)" : ""}: rows enter a ring as code + 128 with their padding,
 * then 4 pixels at a time go through the matrix kernel.${isRowByRow(out) ? " Rows of all channels leave together; out may lie on in." : ""} */
static void ${name}(const uint8_t *in, uint8_t *out, uint8_t padding, const uint8_t *weights, const matrix_t *matrix, uint32_t *tile, uint8_t *ring) {
    int32_t loaded = ${-window.beforeMajor};
    for (int32_t oi = 0; oi < ${out.major}; oi++, out += ${out.rowBytes}) {
${ringLoad(window, source, String(ring.width))}${before > 0 ? `            memset(row, padding, ${before});\n` : ""}${copy}${after > 0 ? `            memset(row + ${before + rowBytes}, padding, ${after});\n` : ""}        }
        for (int32_t oj = 0; oj < ${out.minor}; oj += 4) {
            uint32_t *to = tile;
            for (int32_t k = 0; k < ${window.kernelMajor}; k++, to += ${words}) {
                const int32_t slot = (oi * ${window.strideMajor} - ${window.beforeMajor} + k + ${window.kernelMajor}) % ${window.kernelMajor};
                const uint8_t *const from = ring + slot * ${ring.width} + oj * ${stride};
${gatherRow(run, stride)}            }
            ${matrix}(tile, weights, out + oj, matrix);
        }
    }
}
`,
  };
}
