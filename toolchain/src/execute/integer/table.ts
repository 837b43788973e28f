import type { Operator, Tensor } from "../../graph/graph.js";
import { clamp, roundAwayFromZero } from "./fixed-point.js";
import { prepareHardSwish } from "./hard-swish.js";
import { interpolatedTable, lookUp, SINGLE } from "./interpolated-table.js";
import { affine, codeRange, input, type KernelContext, output } from "./kernel.js";
import { realFunction, type TabulatedKind } from "./real-functions.js";
import { sigmoid16, sigmoidInput, tanh16 } from "./sigmoid16.js";
import { prepareRsqrt8 } from "./square-root.js";

/**
 * Functions of one code. 8-bit ones are tabulated in float32 as TensorFlow Lite's reference resolver does for LOGISTIC,
 * TANH, ELU, GELU, EXP and LOG (HARD_SWISH and RSQRT have kernels of their own); for the others the same table is our definition. 16-bit ones interpolate in
 * 513 entries as EXP and LOG do there, and sigmoid and tanh as LOGISTIC and TANH.
 */
export function prepareTable(
  operator: Extract<Operator, { kind: TabulatedKind }>,
  context: KernelContext,
): () => void {
  const source = context.tensor(input(operator, 0));
  const target = context.tensor(output(operator));
  if (source.dtype !== "int16") {
    if (operator.kind === "rsqrt") return prepareRsqrt8(operator, context);
    if (operator.kind === "hardSwish") return prepareHardSwish(operator, context);
  }
  const codes = context.buffer(source.name);
  const result = context.buffer(target.name);
  const least = codeRange(source).min;
  const table =
    source.dtype === "int16" ? everyCode16(operator, source, target) : everyCode8(operator, source, target);
  return () => {
    for (let i = 0; i < result.length; i++) result[i] = table[codes[i]! - least]!;
  };
}

/** What the operator makes of each code of its input, the least first. */
function everyCode8(
  operator: Extract<Operator, { kind: TabulatedKind }>,
  source: Tensor,
  target: Tensor,
): Int32Array {
  const [x, y] = [affine(source), affine(target)];
  const [from, to] = [codeRange(source), codeRange(target)];
  const f = realFunction(operator);
  const inverseScale = Math.fround(1 / y.scale);
  return Int32Array.from({ length: from.max - from.min + 1 }, (_, i) => {
    const real = Math.fround(f(Math.fround(x.scale * (from.min + i - x.zeroPoint))));
    if (Number.isNaN(real)) return operator.kind === "log" ? to.min : y.zeroPoint;
    return clamp(roundAwayFromZero(Math.fround(real * inverseScale)) + y.zeroPoint, to.min, to.max);
  });
}

function everyCode16(
  operator: Extract<Operator, { kind: TabulatedKind }>,
  source: Tensor,
  target: Tensor,
): Int16Array {
  const [x, y] = [affine(source), affine(target)];
  const codes = Int16Array.from({ length: 65536 }, (_, i) => i - 32768);
  if (operator.kind === "sigmoid" || operator.kind === "tanh") {
    if (y.scale === 1 / 32768) {
      const scaling = sigmoidInput(x.scale);
      const f = operator.kind === "sigmoid" ? sigmoid16 : tanh16;
      return codes.map((code) => f(code, scaling));
    }
  }
  const f = realFunction(operator);
  const { min, max } = codeRange(target);
  const [least, greatest] = [y.scale * (min - y.zeroPoint), y.scale * (max - y.zeroPoint)];
  const table = interpolatedTable(
    (value) => {
      const real = Math.fround(f(value));
      return Number.isFinite(real) ? real : real > 0 ? greatest : least;
    },
    x,
    y,
    SINGLE,
  );
  return codes.map((code) => lookUp(table, code));
}
