import type { RolloutState } from "./state.js";

/** A product's rollouts as polls ask for them. */
export interface ProductRollouts {
  /** Newest first. */
  readonly states: readonly RolloutState[];
  /** The same array until a rollout is added. */
  readonly ids: readonly string[];
  /** Is one of them going back, so that every poll may tick a device off? */
  readonly isReturning: boolean;
}

const NONE: ProductRollouts = { states: [], ids: [], isReturning: false };

/** The rollouts in memory, sorted when one changes and not when one is asked for. */
export class RolloutList {
  private readonly byId = new Map<string, RolloutState>();
  private readonly byProduct = new Map<string, ProductRollouts>();

  set(state: RolloutState): void {
    const isNew = !this.byId.has(state.id);
    this.byId.set(state.id, state);
    const { product } = state.plan;
    const states = this.all().filter((one) => one.plan.product === product);
    const ids = isNew ? states.map(({ id }) => id) : this.of(product).ids;
    const isReturning = states.some(({ name }) => name === "rolling-back");
    this.byProduct.set(product, { states, ids, isReturning });
  }

  get(id: string): RolloutState | undefined {
    return this.byId.get(id);
  }

  /** Newest first. */
  all(): RolloutState[] {
    return [...this.byId.values()].sort((a, b) => b.number - a.number);
  }

  of(product: string): ProductRollouts {
    return this.byProduct.get(product) ?? NONE;
  }
}
