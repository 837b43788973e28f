import type { Kysely } from "kysely";
import type { Tables } from "./tables.js";

/** A connection, inside or outside of a transaction. Other rooms only pass it on to this room's functions. */
export type Db = Kysely<Tables>;
