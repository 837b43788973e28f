import { quantizeMultiplier, requantizeDouble } from "../../execute/integer/fixed-point.js";
import type { Graph, OperatorOf } from "../../graph/graph.js";
import { scaleOf, tensorOf, zeroPointOf } from "./arithmetic.js";

/** TFLite raises both inputs by this many bits before it scales them, so that rounding does not cost a code. */
export const ADD_LEFT_SHIFT = 20;
/** Right shifts of the affine form, best first; each is tried for every pair of codes before it is taken. */
const AFFINE_SHIFTS = [22, 21, 20, 19, 18] as const;

/** x and y are codes + 128; (a x + b y + c) >> shift, saturated to 0..255, is the sum's code + 128. */
export interface Affine {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly shift: number;
}

/**
 * The exact table of all pairs, then constants near the nominal ones until every pair agrees; null where none do. `given`
 * is the shift that existing code has compiled in.
 */
export function proveAffine(graph: Graph, operator: OperatorOf<"add">, given?: number): Affine | null {
  if (given !== undefined && given < 0) return null;
  const [a, b] = operator.inputs.map((name) => tensorOf(graph, name));
  const output = tensorOf(graph, operator.outputs[0]!);
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
