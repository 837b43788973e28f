import { type CompiledQuery, type QueryResult, sql } from "kysely";
import type { Db } from "./db.js";

interface Compilable<Row> {
  compile(): CompiledQuery<Row>;
}

/**
 * A query whose SQL text is built once per kind of database; each run brings parameters of its own. Building the text
 * costs more than SQLite takes to look a row up, which matters on the paths that every poll goes.
 *
 * @param build makes the query; its parameters, in the order in which it uses them, are those that runs bring.
 */
export function prepared<Row, Parameters extends readonly unknown[]>(
  build: (db: Db) => Compilable<Row>,
): (db: Db, parameters: Parameters) => Promise<QueryResult<Row>> {
  const texts = new WeakMap<object, CompiledQuery<Row>>();
  return (db, parameters) => {
    const { adapter } = db.getExecutor();
    let text = texts.get(adapter);
    if (text === undefined) {
      text = build(db).compile();
      texts.set(adapter, text);
    }
    return db.executeQuery<Row>({ ...text, parameters });
  };
}

/** Stands for a parameter in `build`. */
export const parameter = <T>() => sql<T>`${null}`;
