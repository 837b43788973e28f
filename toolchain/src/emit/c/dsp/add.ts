import { quantizeMultiplier, requantizeDouble } from "../../../execute/integer/fixed-point.js";
import type { OperatorOf } from "../../../graph/graph.js";
import { activationRange, elements, scaleOf, tensorOf, zeroPointOf } from "../arithmetic.js";
import { int32sAt } from "../portable/context.js";
import type { CFunction } from "../step.js";
import { bytesAt, type DspContext } from "./context.js";
import { LOAD_WORD } from "./words.js";

const ADD_LEFT_SHIFT = 20;
/** Right shifts of the affine form, best first; each is tried for every pair of codes before it is taken. */
const AFFINE_SHIFTS = [22, 21, 20, 19, 18] as const;

interface Affine {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly shift: number;
}

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
  const affine = proveAffine(context, operator);
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
    const int32_t a = t[0], b = t[1], c = t[2];
    for (int32_t i = 0; i < words; i++, x += 4, y += 4, out += 4) {
        const uint32_t u = load_word(x), v = load_word(y);
        uint32_t codes = (uint32_t)__usat((c + (int32_t)(u & 0xffu) * a + (int32_t)(v & 0xffu) * b) >> ${shift}, 8);
        codes |= (uint32_t)__usat((c + (int32_t)(u >> 8 & 0xffu) * a + (int32_t)(v >> 8 & 0xffu) * b) >> ${shift}, 8) << 8;
        codes |= (uint32_t)__usat((c + (int32_t)(u >> 16 & 0xffu) * a + (int32_t)(v >> 16 & 0xffu) * b) >> ${shift}, 8) << 16;
        codes |= (uint32_t)__usat((c + (int32_t)(u >> 24) * a + (int32_t)(v >> 24) * b) >> ${shift}, 8) << 24;
        memcpy(out, &codes, sizeof codes);
    }
}
`,
});

/** The exact table of all pairs, then constants near the nominal ones until every pair agrees. */
function proveAffine(context: DspContext, operator: OperatorOf<"add">): Affine | null {
  const [a, b] = operator.inputs.map((name) => tensorOf(context.graph, name));
  const output = tensorOf(context.graph, operator.outputs[0]!);
  const [scaleA, scaleB, scaleO] = [scaleOf(a!), scaleOf(b!), scaleOf(output)];
  const largest = 2 * Math.max(scaleA, scaleB);
  const term = (scale: number, zeroPoint: number): Int32Array => {
    const { multiplier, shift } = quantizeMultiplier(scale / largest);
    return Int32Array.from({ length: 256 }, (_, u) =>
      requantizeDouble((u - 128 - zeroPoint) * 2 ** ADD_LEFT_SHIFT, multiplier, shift),
    );
  };
  const [termA, termB] = [term(scaleA, zeroPointOf(a!)), term(scaleB, zeroPointOf(b!))];
  const out = quantizeMultiplier(largest / (2 ** ADD_LEFT_SHIFT * scaleO));
  const exact = new Uint8Array(65_536);
  for (let u = 0; u < 256; u++)
    for (let v = 0; v < 256; v++) {
      const code =
        requantizeDouble(termA[u]! + termB[v]!, out.multiplier, out.shift) + zeroPointOf(output) + 128;
      exact[u * 256 + v] = code < 0 ? 0 : code > 255 ? 255 : code;
    }
  const [realA, realB] = [scaleA / scaleO, scaleB / scaleO];
  const zeroPoints = { a: zeroPointOf(a!), b: zeroPointOf(b!), out: zeroPointOf(output) };
  const given = context.takeGiven();
  for (const shift of given === undefined ? AFFINE_SHIFTS : [given]) {
    const found = searchAffine(realA, realB, zeroPoints, shift, exact);
    if (found !== null) return found;
  }
  return null;
}

function searchAffine(
  realA: number,
  realB: number,
  zeroPoints: { readonly a: number; readonly b: number; readonly out: number },
  shift: number,
  exact: Uint8Array,
): Affine | null {
  const unit = 2 ** shift;
  const nominal =
    (0.5 - realA * (128 + zeroPoints.a) - realB * (128 + zeroPoints.b) + zeroPoints.out + 128) * unit;
  for (let dc = 0; dc <= 12; dc++)
    for (let da = -2; da <= 2; da++)
      for (let db = -2; db <= 2; db++) {
        const candidate = {
          a: Math.round(realA * unit) + da,
          b: Math.round(realB * unit) + db,
          c: Math.trunc(nominal) + ((dc & 1) === 1 ? 1 : -1) * ((dc + 1) >> 1) * Math.max(1, unit / 8192),
          shift,
        };
        if (agrees(candidate, exact)) return candidate;
      }
  return null;
}

function agrees({ a, b, c, shift }: Affine, exact: Uint8Array): boolean {
  for (let u = 0; u < 256; u++)
    for (let v = 0; v < 256; v++) {
      // In the order of the C expression: neither sum may leave int32.
      const sum = c + u * a + v * b;
      if (Math.abs(c + u * a) >= 2 ** 31 || Math.abs(sum) >= 2 ** 31) return false;
      const code = sum >> shift;
      if ((code < 0 ? 0 : code > 255 ? 255 : code) !== exact[u * 256 + v]) return false;
    }
  return true;
}
