import { Matrix, solve } from "ml-matrix";

/** A named effect and how strongly it is drawn to zero: the finer the effect, the stronger. */
export type Effects = ReadonlyMap<string, number>;

/** Sum of the effects that an observation has; an effect never seen in the fit is zero. */
export type Predictor = (effects: Effects) => number;

/**
 * Additive model y = sum of effects by ridge regression, each effect with its own penalty. Coarse effects (a model, a
 * core) are nearly free, fine ones (this runtime on this part) are shrunk, so that what few observations share falls
 * back on what many do.
 */
export function fitRidge(observations: readonly { effects: Effects; y: number }[]): Predictor {
  const column = new Map<string, number>();
  const penalty: number[] = [];
  for (const { effects } of observations)
    for (const [name, weight] of effects)
      if (!column.has(name)) {
        column.set(name, column.size);
        penalty.push(weight);
      }
  const design = Matrix.zeros(observations.length, column.size);
  observations.forEach(({ effects }, row) => {
    for (const name of effects.keys()) design.set(row, column.get(name)!, 1);
  });
  const transposed = design.transpose();
  const normal = transposed.mmul(design).add(Matrix.diag(penalty));
  const coefficients = solve(
    normal,
    transposed.mmul(Matrix.columnVector(observations.map(({ y }) => y))),
  ).getColumn(0);
  return (effects) => {
    let sum = 0;
    for (const name of effects.keys()) {
      const at = column.get(name);
      if (at !== undefined) sum += coefficients[at]!;
    }
    return sum;
  };
}
