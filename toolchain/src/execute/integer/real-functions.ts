import type { Operator } from "../../graph/graph.js";

/** Operators that map each real number by itself, so that it is a table: of 256 entries for 8-bit codes, interpolated for 16-bit ones. */
export const TABULATED = [
  "elu",
  "selu",
  "gelu",
  "hardSwish",
  "hardSigmoid",
  "sigmoid",
  "tanh",
  "softplus",
  "softsign",
  "exp",
  "log",
  "rsqrt",
  "neg",
  "floor",
  "ceil",
  "erf",
  "sin",
  "cos",
] as const;

export type TabulatedKind = (typeof TABULATED)[number];
type Tabulated = Extract<Operator, { kind: TabulatedKind }>;

export function isTabulated(operator: Operator): operator is Tabulated {
  return (TABULATED as readonly string[]).includes(operator.kind);
}

/** The real function that the operator stands for. */
export function realFunction(operator: Tabulated): (x: number) => number {
  switch (operator.kind) {
    case "elu": {
      const { alpha } = operator.attributes;
      return (x) => (x < 0 ? alpha * Math.expm1(x) : x);
    }
    case "selu": {
      const { alpha, gamma } = operator.attributes;
      return (x) => gamma * (x < 0 ? alpha * Math.expm1(x) : x);
    }
    case "gelu":
      return operator.attributes.approximate
        ? (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
        : (x) => 0.5 * x * (1 + erf(x / Math.SQRT2));
    case "hardSwish":
      return (x) => (x * Math.min(Math.max(x + 3, 0), 6)) / 6;
    case "hardSigmoid": {
      const { alpha, beta } = operator.attributes;
      return (x) => Math.min(Math.max(alpha * x + beta, 0), 1);
    }
    case "sigmoid":
      return (x) => 1 / (1 + Math.exp(-x));
    case "tanh":
      return Math.tanh;
    case "softplus":
      return (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
    case "softsign":
      return (x) => x / (1 + Math.abs(x));
    case "exp":
      return Math.exp;
    case "log":
      return (x) => (x <= 0 ? Number.NaN : Math.log(x));
    case "rsqrt":
      return (x) => (x <= 0 ? Number.POSITIVE_INFINITY : 1 / Math.fround(Math.sqrt(x)));
    case "neg":
      return (x) => -x;
    case "floor":
      return Math.floor;
    case "ceil":
      return Math.ceil;
    case "erf":
      return erf;
    case "sin":
      return Math.sin;
    case "cos":
      return Math.cos;
  }
}

/** The error function, by its series below 2 and its continued fraction above; about 1e-15 relative. */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  if (a < 2) {
    let term = a;
    let sum = a;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum) && n < 100; n++) {
      term *= (-a * a) / n;
      sum += term / (2 * n + 1);
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / (Math.sqrt(Math.PI) * (a + fraction)));
}
