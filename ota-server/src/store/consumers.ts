import type { ConsumerView, OutputPart } from "@mote/protocol";
import type { Db } from "./store.js";
import type { Tables } from "./tables.js";

/** Declared readers of outputs, by product and id. */
export async function listConsumers(db: Db, product?: string): Promise<ConsumerView[]> {
  let query = db.selectFrom("consumers").selectAll().orderBy("product").orderBy("id");
  if (product !== undefined) query = query.where("product", "=", product);
  return (await query.execute()).map(fromRow);
}

/** One that is declared anew replaces what was declared before. */
export async function putConsumer(db: Db, consumer: ConsumerView): Promise<void> {
  const { id, product, contact, purpose, reads, labels, declaredBy, declaredAtMs } = consumer;
  const values = {
    product,
    contact,
    purpose,
    reads: JSON.stringify(reads),
    labels: JSON.stringify(labels),
    declared_by: declaredBy,
    declared_at_ms: declaredAtMs,
  };
  await db
    .insertInto("consumers")
    .values({ id, ...values })
    .onConflict((conflict) => conflict.column("id").doUpdateSet(values))
    .execute();
}

/** @returns false when there is none of that id. */
export async function removeConsumer(db: Db, id: string): Promise<boolean> {
  const result = await db.deleteFrom("consumers").where("id", "=", id).executeTakeFirst();
  return result.numDeletedRows > 0n;
}

export async function countConsumers(db: Db): Promise<number> {
  const row = await db
    .selectFrom("consumers")
    .select(({ fn }) => fn.countAll<number>().as("all"))
    .executeTakeFirstOrThrow();
  return Number(row.all);
}

function fromRow(row: Tables["consumers"]): ConsumerView {
  return {
    id: row.id,
    product: row.product,
    contact: row.contact,
    purpose: row.purpose,
    reads: JSON.parse(row.reads) as OutputPart[],
    labels: JSON.parse(row.labels) as string[],
    declaredBy: row.declared_by,
    declaredAtMs: row.declared_at_ms,
  };
}
