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
 * TANH, ELU, GELU, EXP and LOG (HARD_SWISH and RSQRT have kernels of their own); for the others the same table is our
 * definition. 16-bit ones interpolate in 513 entries as EXP and LOG do there, sigmoid and tanh as LOGISTIC and TANH.
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
  const isFixed16 = source.dtype === "int16" && affine(target).scale === 1 / 32768;
  if (isFixed16 && (operator.kind === "sigmoid" || operator.kind === "tanh")) {
    const scaling = sigmoidInput(affine(source).scale);
    const f = operator.kind === "sigmoid" ? sigmoid16 : tanh16;
    return prepareCodes(
      operator,
      EVERY_CODE_16.map((code) => f(code, scaling)),
      context,
    );
  }
  return prepareFunction(operator, realFunction(operator), context);
}

const EVERY_CODE_16 = Int16Array.from({ length: 65536 }, (_, i) => i - 32768);

/** A real function as the table of its input's codes. */
export function prepareFunction(
  operator: Operator,
  f: (x: number) => number,
  context: KernelContext,
): () => void {
  const source = context.tensor(input(operator, 0));
  const target = context.tensor(output(operator));
  const table =
    source.dtype === "int16" ? everyCode16(f, source, target) : everyCode8(operator, f, source, target);
  return prepareCodes(operator, table, context);
}

/** Results for each code of the input, the least first. */
function prepareCodes(operator: Operator, table: ArrayLike<number>, context: KernelContext): () => void {
  const source = context.tensor(input(operator, 0));
  const least = codeRange(source).min;
  const codes = context.buffer(source.name);
  const result = context.buffer(output(operator));
  return () => {
    for (let i = 0; i < result.length; i++) result[i] = table[codes[i]! - least]!;
  };
}

function everyCode8(
  operator: Operator,
  f: (x: number) => number,
  source: Tensor,
  target: Tensor,
): Int32Array {
  const [x, y] = [affine(source), affine(target)];
  const [from, to] = [codeRange(source), codeRange(target)];
  const inverseScale = Math.fround(1 / y.scale);
  return Int32Array.from({ length: from.max - from.min + 1 }, (_, i) => {
    const real = Math.fround(f(Math.fround(x.scale * (from.min + i - x.zeroPoint))));
    if (Number.isNaN(real)) return operator.kind === "log" ? to.min : y.zeroPoint;
    return clamp(roundAwayFromZero(Math.fround(real * inverseScale)) + y.zeroPoint, to.min, to.max);
  });
}

function everyCode16(f: (x: number) => number, source: Tensor, target: Tensor): Int16Array {
  const [x, y] = [affine(source), affine(target)];
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
  return EVERY_CODE_16.map((code) => lookUp(table, code));
}
