import type { ConsumerRequest, ConsumerView } from "@mote/protocol";
import type { Clock } from "../clock.js";
import { NotFoundError, PreconditionError } from "../errors.js";
import { countConsumers, listConsumers, putConsumer, removeConsumer } from "../store/consumers.js";
import { listReleases } from "../store/releases.js";
import type { Store } from "../store/store.js";

const MAX_CONSUMERS = 10_000;

/** Who reads which output: they are named before a rollout changes it (effects.ts). */
export class Consumers {
  private readonly store: Store;
  private readonly clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.store = store;
    this.clock = clock;
  }

  list(product?: string): Promise<ConsumerView[]> {
    return this.store.read((db) => listConsumers(db, product));
  }

  /** Throws PreconditionError for a class that no release of the product has: it would never be warned. */
  async declare(id: string, request: ConsumerRequest, by: string): Promise<ConsumerView> {
    const { product, contact, purpose = "", reads, labels = [] } = request;
    const releases = (await this.store.read(listReleases)).filter((one) => one.product === product);
    const known = new Set(releases.flatMap(({ manifest }) => manifest.labels));
    const unknown = labels.filter((label) => !known.has(label));
    if (releases.length === 0 || unknown.length > 0) {
      throw new PreconditionError({
        expected: releases.length === 0 ? "a product with an uploaded release" : `classes of ${product}`,
        got: releases.length === 0 ? product : unknown.slice(0, 8).join(", "),
        todo: "`mote fleet releases` shows products; the page of a release, its classes.",
      });
    }
    const consumer = {
      id,
      product,
      contact,
      purpose,
      reads,
      labels,
      declaredBy: by,
      declaredAtMs: this.clock(),
    };
    await this.store.write(async (db) => {
      if ((await countConsumers(db)) >= MAX_CONSUMERS) {
        throw new PreconditionError({
          expected: `at most ${MAX_CONSUMERS} declared consumers`,
          got: "one more",
          todo: "Remove those that are gone.",
        });
      }
      await putConsumer(db, consumer);
    });
    return consumer;
  }

  /** Throws NotFoundError. */
  async forget(id: string): Promise<void> {
    if (await this.store.write((db) => removeConsumer(db, id))) return;
    throw new NotFoundError({
      expected: "the id of a declared consumer",
      got: id,
      todo: "`mote consumer list` shows them.",
    });
  }
}
