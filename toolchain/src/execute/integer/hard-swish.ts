import { UnsupportedError } from "../../errors.js";
import type { OperatorOf } from "../../graph/graph.js";
import { clamp, quantizeMultiplier, reducedMultiplier, roundingDivideByPot } from "./fixed-point.js";
import { highMul16 } from "./gemmlowp16.js";
import { affine, codeRange, input, type KernelContext, output } from "./kernel.js";

const toInt16 = (x: number): number => (x << 16) >> 16;
const saturate16 = (x: number): number => clamp(x, -32768, 32767);

/**
 * reference_ops::HardSwish of 8-bit codes: x on a scale with 7 more bits, times a 16-bit number in [0, 1] that stands for
 * relu6(x + 3) / 6.
 */
export function prepareHardSwish(operator: OperatorOf<"hardSwish">, context: KernelContext): () => void {
  const source = context.tensor(input(operator, 0));
  const target = context.tensor(output(operator));
  const [x, y] = [affine(source), affine(target)];
  const [from, to] = [codeRange(source), codeRange(target)];
  const fineScale = Math.fround(Math.fround(1 / 128) * x.scale);
  const out = quantizeMultiplier(Math.fround(fineScale / y.scale));
  if (out.shift > 0) {
    throw new UnsupportedError({
      expected: `hardSwish "${operator.name}" whose output scale is at least 1/128 of its input's`,
      got: `${y.scale} for ${x.scale}`,
      todo: "Calibrate the model on data that the layer sees.",
    });
  }
  const outMultiplier = reducedMultiplier(out.multiplier);
  const gate = quantizeMultiplier(Math.fround(fineScale / Math.fround(3 / 32768)));
  const gateMultiplier = reducedMultiplier(gate.multiplier);

  const code = (value: number): number => {
    const fine = toInt16(value * 128);
    const scaled = highMul16(fine, outMultiplier);
    // The last left shift comes after the product, so that only it can saturate the result.
    let open = gate.shift > 0 ? saturate16(fine * 2 ** (gate.shift - 1)) : fine;
    open = highMul16(open, gateMultiplier);
    if (gate.shift > 0) open = saturate16(open * 2);
    if (gate.shift < 0) open = roundingDivideByPot(open, -gate.shift);
    open = (open + (1 << 15)) >> 1;
    const product = Math.trunc((open * scaled) / (1 << 15));
    return clamp(roundingDivideByPot(product, -out.shift) + y.zeroPoint, to.min, to.max);
  };
  const table = Int32Array.from({ length: from.max - from.min + 1 }, (_, i) =>
    code(from.min + i - x.zeroPoint),
  );
  const codes = context.buffer(source.name);
  const result = context.buffer(target.name);
  return () => {
    for (let i = 0; i < result.length; i++) result[i] = table[codes[i]! - from.min]!;
  };
}
