import type { OperatorOf } from "../../../graph/graph.js";
import { activationRange, tensorOf } from "../arithmetic.js";
import type { CFunction } from "../step.js";
import { bytesAt, type DspContext } from "./context.js";
import { type Planes, turnWindow } from "./geometry.js";
import { LOAD_WORD } from "./words.js";

/** Averaging a whole plane, and maxima of 2x2 windows without padding: what small networks pool. */
export function lowerDspPool(
  context: DspContext,
  operator: OperatorOf<"averagePool2d"> | OperatorOf<"maxPool2d">,
): boolean {
  const held = context.heldPlanes(operator.inputs[0]!);
  const output = tensorOf(context.graph, operator.outputs[0]!);
  const { attributes } = operator;
  const { top, bottom, left, right } = attributes.padding;
  const range = activationRange(attributes.activation, output);
  if (held === undefined || top + bottom + left + right > 0 || range.low !== -128 || range.high !== 127)
    return false;
  const { planes, buffer } = held;
  const window = turnWindow(attributes.kernelH, attributes.kernelW, attributes, context.isTurned);
  const isWhole = window.kernelMajor === planes.major && window.kernelMinor === planes.minor;
  const isAverage = operator.kind === "averagePool2d";
  if (isAverage && !isWhole) return false;
  const made = context.addPlanes(operator.outputs[0]!);
  const kernel = isAverage
    ? averageKernel(planes)
    : maxKernel(
        planes,
        made.planes,
        window.kernelMajor,
        window.kernelMinor,
        window.strideMajor,
        window.strideMinor,
      );
  context.push(operator, {
    kernelClass: "pool",
    macs: 0,
    paramBytes: 0,
    reads: [buffer],
    writes: [made.buffer],
    inPlace: [{ input: buffer, output: made.buffer, outputLag: 0, extraScratchBytes: 0 }],
    constants: [40, context.isTurned ? 1 : 0],
    emit: (placed) => ({
      call: `${kernel.name}(${bytesAt(placed.at(buffer))}, ${bytesAt(placed.at(made.buffer))});`,
      functions: [LOAD_WORD, kernel],
    }),
  });
  return true;
}

/** Rounds half away from zero around code 0, which is 128 here. */
function averageKernel({ major, minor, channels, stride }: Planes): CFunction {
  const count = major * minor;
  const name = `average_plane_${major}x${minor}x${channels}`;
  const whole = Math.floor(count / 4);
  const rest = count % 4;
  const mask = rest === 0 ? "" : ` & 0x${((1 << (8 * rest)) - 1).toString(16)}u`;
  return {
    name,
    source: `/* Average of each plane; out may lie on in */
static void ${name}(const uint8_t *in, uint8_t *out) {
    for (int32_t c = 0; c < ${channels}; c++, in += ${stride}) {
        uint32_t total = 0;
        for (int32_t i = 0; i < ${whole}; i++) {
            total = __usada8(load_word(in + 4 * i), 0, total);
        }
${rest === 0 ? "" : `        total = __usada8(load_word(in + ${4 * whole})${mask}, 0, total);\n`}        const int32_t sum = (int32_t)total - ${128 * count};
        const int32_t half = ${Math.floor(count / 2)} * ((sum >> 31) | 1);
        *out++ = (uint8_t)((sum + half) / ${count} + 128);
    }
}
`,
  };
}

function maxKernel(
  source: Planes,
  out: Planes,
  kernelMajor: number,
  kernelMinor: number,
  strideMajor: number,
  strideMinor: number,
): CFunction {
  const name = `max_pool_${source.major}x${source.minor}x${source.channels}_k${kernelMajor}x${kernelMinor}_s${strideMajor}x${strideMinor}`;
  return {
    name,
    source: `/* Maximum of ${kernelMajor}x${kernelMinor} windows of each plane; out may lie on in */
static void ${name}(const uint8_t *in, uint8_t *out) {
    for (int32_t c = 0; c < ${source.channels}; c++, in += ${source.stride}, out += ${out.stride}) {
        for (int32_t i = 0; i < ${out.major}; i++) {
            for (int32_t j = 0; j < ${out.minor}; j++) {
                const uint8_t *tap = in + i * ${strideMajor * source.minor} + j * ${strideMinor};
                uint32_t most = 0;
                for (int32_t y = 0; y < ${kernelMajor}; y++) {
                    for (int32_t x = 0; x < ${kernelMinor}; x++) {
                        const uint32_t code = tap[y * ${source.minor} + x];
                        most = code > most ? code : most;
                    }
                }
                out[i * ${out.minor} + j] = (uint8_t)most;
            }
        }
    }
}
`,
  };
}
