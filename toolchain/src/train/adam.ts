export interface AdamOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  /** Decoupled weight decay (AdamW, Loshchilov & Hutter 2019), as a share of the weight per unit of learning rate. */
  readonly weightDecay?: number;
}

/**
 * Adam (Kingma & Ba 2015) on plain arrays: models for small devices have so few weights that the update costs nothing
 * beside the gradients, and here it gives the same bytes with every backend, takes a new learning rate at any step and
 * leaves masked weights exactly as they are.
 */
export class Adam {
  private readonly moments = new Map<string, { first: Float64Array; second: Float64Array }>();
  private step = 0;
  private readonly options: Required<AdamOptions>;

  constructor(options: AdamOptions = {}) {
    this.options = { beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weightDecay: 0, ...options };
  }

  /** Starts a step; `apply` is then called once per parameter. */
  begin(): void {
    this.step++;
  }

  /** Updates `values` in place; where `mask` is 0 the value stays untouched. */
  apply(
    name: string,
    values: Float32Array,
    gradient: ArrayLike<number>,
    learningRate: number,
    { mask, decays = false }: { mask?: ArrayLike<number> | undefined; decays?: boolean } = {},
  ): void {
    const { beta1, beta2, epsilon, weightDecay } = this.options;
    let moments = this.moments.get(name);
    if (moments === undefined) {
      moments = { first: new Float64Array(values.length), second: new Float64Array(values.length) };
      this.moments.set(name, moments);
    }
    const { first, second } = moments;
    const rate = (learningRate * Math.sqrt(1 - beta2 ** this.step)) / (1 - beta1 ** this.step);
    const shrink = decays ? 1 - learningRate * weightDecay : 1;
    for (let i = 0; i < values.length; i++) {
      if (mask !== undefined && mask[i] === 0) continue;
      const g = gradient[i]!;
      first[i] = beta1 * first[i]! + (1 - beta1) * g;
      second[i] = beta2 * second[i]! + (1 - beta2) * g * g;
      values[i] = values[i]! * shrink - (rate * first[i]!) / (Math.sqrt(second[i]!) + epsilon);
    }
  }
}
