import type { Operator } from "../../../graph/graph.js";
import type { CFunction } from "../step.js";
import { bytesAt, type DspContext } from "./context.js";
import type { Planes } from "./geometry.js";

/** Steps between the two layouts, added where a kernel needs the one that is not there. */

const FLIP: CFunction = {
  name: "flip_sign",
  source: `/* Between code and code + 128, both ways; out may lie on in. */
static void flip_sign(const uint8_t *in, uint8_t *out, int32_t n) {
    for (int32_t i = 0; i < n; i++) {
        out[i] = in[i] ^ 0x80u;
    }
}
`,
};

export function planesFor(
  context: DspContext,
  operator: Operator,
  tensor: string,
): { buffer: string; planes: Planes } {
  const held = context.heldPlanes(tensor);
  if (held !== undefined) return held;
  const from = context.codesOf(tensor)!;
  const made = context.addPlanes(tensor);
  convert(context, operator, from, made.buffer, made.planes, "planes");
  return made;
}

export function codesFor(context: DspContext, operator: Operator, tensor: string): string {
  const held = context.codesOf(tensor);
  if (held !== undefined) return held;
  const { buffer, planes } = context.heldPlanes(tensor)!;
  const to = context.addCodes(tensor);
  convert(context, operator, buffer, to, planes, "codes");
  return to;
}

function convert(
  context: DspContext,
  operator: Operator,
  from: string,
  to: string,
  planes: Planes,
  into: "planes" | "codes",
): void {
  const { major, minor, channels, stride, isTurned } = planes;
  const isVector = stride === 1;
  const kernel = isVector ? FLIP : layoutKernel(planes, into);
  context.push(operator, {
    kernelClass: "copy",
    macs: 0,
    paramBytes: 0,
    reads: [from],
    writes: [to],
    inPlace: isVector ? [{ input: from, output: to, outputLag: 0, extraScratchBytes: 0 }] : [],
    constants: [into === "planes" ? 1 : 2, isTurned ? 1 : 0],
    emit: (placed) => ({
      call: isVector
        ? `flip_sign(${bytesAt(placed.at(from))}, ${bytesAt(placed.at(to))}, ${channels * major * minor});`
        : `${kernel.name}(${bytesAt(placed.at(from))}, ${bytesAt(placed.at(to))});`,
      functions: [kernel],
    }),
  });
}

function layoutKernel(
  { major, minor, channels, stride, rowBytes, isTurned }: Planes,
  into: "planes" | "codes",
): CFunction {
  const name = `to_${into}_${major}x${minor}x${channels}${isTurned ? "_turned" : ""}${rowBytes === minor ? "" : "_rows"}`;
  const pixel = isTurned ? `j * ${major} + i` : `i * ${minor} + j`;
  const planar = `c * ${stride} + i * ${rowBytes} + j`;
  const interleaved = `(${pixel}) * ${channels} + c`;
  const [to, from] = into === "planes" ? [planar, interleaved] : [interleaved, planar];
  return {
    name,
    source: `/* ${into === "planes" ? "NHWC codes to planes" : "Planes to NHWC codes"} */
static void ${name}(const uint8_t *in, uint8_t *out) {
    for (int32_t c = 0; c < ${channels}; c++) {
        for (int32_t i = 0; i < ${major}; i++) {
            for (int32_t j = 0; j < ${minor}; j++) {
                out[${to}] = in[${from}] ^ 0x80u;
            }
        }
    }
}
`,
  };
}
