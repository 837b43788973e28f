import type { OperatorOf } from "../../../graph/graph.js";
import { proveAffine } from "../affine-addition.js";
import { activationRange, elements, tensorOf } from "../arithmetic.js";
import { int32sAt } from "../portable/context.js";
import type { CFunction } from "../step.js";
import { bytesAt, type DspContext } from "./context.js";
import { LOAD_WORD } from "./words.js";

/** Addition of planes as (a x + b y + c) >> shift, proved for all 65,536 pairs of codes; false where no such form holds. */
export function lowerDspAdd(context: DspContext, operator: OperatorOf<"add">): boolean {
  const { graph } = context;
  const [x, y] = operator.inputs.map((name) => context.heldPlanes(name));
  const output = tensorOf(graph, operator.outputs[0]!);
  const range = activationRange(operator.attributes.activation, output);
  if (x === undefined || y === undefined || range.high !== 127) return false;
  if (elements(tensorOf(graph, operator.inputs[0]!)) !== elements(tensorOf(graph, operator.inputs[1]!)))
    return false;
  if (range.low !== -128) return false;
  const affine = proveAffine(graph, operator, context.takeGiven(operator.name));
  if (affine === null) return false;
  const made = context.addPlanes(operator.outputs[0]!);
  const table = context.params.int32s([affine.a, affine.b, affine.c]);
  const words = (made.planes.stride * made.planes.channels) / 4;
  if (!Number.isInteger(words)) return false;
  context.push(operator, {
    kernelClass: "elementwise",
    macs: 0,
    paramBytes: 12,
    reads: [x.buffer, y.buffer],
    writes: [made.buffer],
    inPlace: [x.buffer, y.buffer].map((input) => ({
      input,
      output: made.buffer,
      outputLag: 0,
      extraScratchBytes: 0,
    })),
    constants: [50, affine.shift],
    emit: (placed) => ({
      call: `add_planes_s${affine.shift}(${bytesAt(placed.at(x.buffer))}, ${bytesAt(placed.at(y.buffer))}, ${bytesAt(placed.at(made.buffer))}, ${words}, ${int32sAt(table)});`,
      functions: [LOAD_WORD, addPlanes(affine.shift)],
    }),
  });
  return true;
}

const addPlanes = (shift: number): CFunction => ({
  name: `add_planes_s${shift}`,
  source: `/* (t[2] + t[0] x + t[1] y) >> ${shift}, saturated, 4 elements a turn; out may lie on x or on y. */
static void add_planes_s${shift}(const uint8_t *x, const uint8_t *y, uint8_t *out, int32_t words, const int32_t *t) {
    /* A product may leave int32 where the sum does not: unsigned. */
    const uint32_t a = (uint32_t)t[0], b = (uint32_t)t[1], c = (uint32_t)t[2];
    for (int32_t i = 0; i < words; i++, x += 4, y += 4, out += 4) {
        const uint32_t u = load_word(x), v = load_word(y);
        uint32_t codes = (uint32_t)__usat((int32_t)(c + (u & 0xffu) * a + (v & 0xffu) * b) >> ${shift}, 8);
        codes |= (uint32_t)__usat((int32_t)(c + (u >> 8 & 0xffu) * a + (v >> 8 & 0xffu) * b) >> ${shift}, 8) << 8;
        codes |= (uint32_t)__usat((int32_t)(c + (u >> 16 & 0xffu) * a + (v >> 16 & 0xffu) * b) >> ${shift}, 8) << 16;
        codes |= (uint32_t)__usat((int32_t)(c + (u >> 24) * a + (v >> 24) * b) >> ${shift}, 8) << 24;
        memcpy(out, &codes, sizeof codes);
    }
}
`,
});
