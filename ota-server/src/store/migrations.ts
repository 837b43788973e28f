import { whatCame } from "@mote/protocol";
import { type Kysely, type Migration, type MigrationProvider, Migrator, type RawBuilder, sql } from "kysely";
import { StoreError } from "../errors.js";
import { confidenceOf } from "./confidence.js";
import { drawOf } from "./draw.js";
import type { Tables } from "./tables.js";

/** Column types whose name or size differs between the databases. */
export interface Types {
  /** 64-bit integer: times and counters. */
  readonly integer: "integer" | "bigint";
  readonly bytes: "blob" | "bytea";
  readonly real: "real" | "double precision";
  /** Compared byte by byte: both databases must page through ids in the same order. */
  readonly text: "text" | RawBuilder<unknown>;
}

export const SQLITE_TYPES: Types = { integer: "integer", bytes: "blob", real: "real", text: "text" };
export const POSTGRES_TYPES: Types = {
  integer: "bigint",
  bytes: "bytea",
  real: "double precision",
  text: sql`text collate "C"`,
};

const first = (types: Types): Migration => ({
  async up(db: Kysely<unknown>) {
    const { integer, bytes, real, text } = types;
    await db.schema
      .createTable("settings")
      .addColumn("name", text, (c) => c.primaryKey())
      .addColumn("value", text, (c) => c.notNull())
      .execute();
    await db.schema
      .createTable("people")
      .addColumn("id", text, (c) => c.primaryKey())
      .addColumn("role", text, (c) => c.notNull())
      .addColumn("token_sha256", text, (c) => c.notNull().unique())
      .addColumn("created_at_ms", integer, (c) => c.notNull())
      .addColumn("revoked_at_ms", integer)
      .execute();
    await db.schema
      .createTable("enrolment_tokens")
      .addColumn("id", text, (c) => c.primaryKey())
      .addColumn("token_sha256", text, (c) => c.notNull().unique())
      .addColumn("product", text, (c) => c.notNull())
      .addColumn("hardware", text)
      .addColumn("tags", text, (c) => c.notNull())
      .addColumn("expires_at_ms", integer, (c) => c.notNull())
      .addColumn("used_by", text)
      .addColumn("used_key", text)
      .execute();
    await db.schema
      .createTable("devices")
      .addColumn("id", text, (c) => c.primaryKey())
      .addColumn("product", text, (c) => c.notNull())
      .addColumn("hardware", text, (c) => c.notNull())
      .addColumn("tags", text, (c) => c.notNull())
      .addColumn("public_key", text, (c) => c.notNull())
      .addColumn("enrolled_at_ms", integer, (c) => c.notNull())
      .addColumn("revoked_at_ms", integer)
      .addColumn("last_seen_ms", integer)
      .addColumn("online", integer, (c) => c.notNull().defaultTo(0))
      .addColumn("running_sequence", integer, (c) => c.notNull().defaultTo(0))
      .addColumn("artifact_sha256", text)
      .addColumn("held", text, (c) => c.notNull().defaultTo("[]"))
      .addColumn("floor", integer, (c) => c.notNull().defaultTo(0))
      .addColumn("codecs", text, (c) => c.notNull().defaultTo("[]"))
      .addColumn("agent_version", text, (c) => c.notNull().defaultTo(""))
      .addColumn("battery_percent", integer)
      .addColumn("free_bytes", integer)
      .addColumn("frame_sequence", integer, (c) => c.notNull().defaultTo(-1))
      .execute();
    await db.schema
      .createIndex("devices_by_release")
      .on("devices")
      .columns(["product", "running_sequence"])
      .execute();
    await db.schema
      .createTable("releases")
      .addColumn("product", text, (c) => c.notNull())
      .addColumn("version", text, (c) => c.notNull())
      .addColumn("sequence", integer, (c) => c.notNull())
      .addColumn("target", text, (c) => c.notNull())
      .addColumn("manifest_sha256", text, (c) => c.notNull())
      .addColumn("manifest_length", integer, (c) => c.notNull())
      .addColumn("manifest", text, (c) => c.notNull())
      .addColumn("uploaded_at_ms", integer, (c) => c.notNull())
      .addPrimaryKeyConstraint("releases_pk", ["product", "version"])
      .addUniqueConstraint("releases_sequence", ["product", "sequence"])
      .execute();
    await db.schema
      .createTable("patches")
      .addColumn("base_sha256", text, (c) => c.notNull())
      .addColumn("target_sha256", text, (c) => c.notNull())
      .addColumn("codec", text, (c) => c.notNull())
      .addColumn("sha256", text)
      .addColumn("length", integer, (c) => c.notNull())
      .addPrimaryKeyConstraint("patches_pk", ["base_sha256", "target_sha256", "codec"])
      .execute();
    await db.schema
      .createTable("trust_files")
      .addColumn("file", text, (c) => c.primaryKey())
      .addColumn("role", text, (c) => c.notNull())
      .addColumn("version", integer, (c) => c.notNull())
      .addColumn("body", bytes, (c) => c.notNull())
      .addColumn("stored_at_ms", integer, (c) => c.notNull())
      .execute();
    await db.schema
      .createTable("rollouts")
      .addColumn("id", text, (c) => c.primaryKey())
      .addColumn("product", text, (c) => c.notNull())
      .addColumn("sequence", integer, (c) => c.notNull())
      .addColumn("number", integer, (c) => c.notNull().unique())
      .addColumn("active", integer, (c) => c.notNull())
      .addColumn("state", text, (c) => c.notNull())
      .addColumn("created_at_ms", integer, (c) => c.notNull())
      .addColumn("updated_at_ms", integer, (c) => c.notNull())
      .execute();
    await db.schema
      .createTable("rollout_devices")
      .addColumn("rollout_id", text, (c) => c.notNull())
      .addColumn("device_id", text, (c) => c.notNull())
      .addColumn("wave", integer, (c) => c.notNull())
      .addColumn("previous_sequence", integer, (c) => c.notNull())
      .addColumn("state", text, (c) => c.notNull())
      .addColumn("code", text)
      .addColumn("attempts", integer, (c) => c.notNull())
      .addColumn("offered_at_ms", integer, (c) => c.notNull())
      .addColumn("settled_at_ms", integer)
      .addColumn("downloaded_bytes", integer, (c) => c.notNull())
      .addColumn("codec", text)
      .addPrimaryKeyConstraint("rollout_devices_pk", ["rollout_id", "device_id"])
      .execute();
    await db.schema
      .createTable("reports")
      .addColumn("device_id", text, (c) => c.notNull())
      .addColumn("id", text, (c) => c.notNull())
      .addColumn("received_at_ms", integer, (c) => c.notNull())
      .addColumn("offer_id", text)
      .addColumn("body", text, (c) => c.notNull())
      .addPrimaryKeyConstraint("reports_pk", ["device_id", "id"])
      .execute();
    await db.schema
      .createIndex("reports_by_time")
      .on("reports")
      .columns(["device_id", "received_at_ms"])
      .execute();
    await db.schema
      .createTable("telemetry")
      .addColumn("device_id", text, (c) => c.notNull())
      .addColumn("release_sequence", integer, (c) => c.notNull())
      .addColumn("bucket_ms", integer, (c) => c.notNull())
      .addColumn("windows", integer, (c) => c.notNull())
      .addColumn("inferences", integer, (c) => c.notNull())
      .addColumn("errors", integer, (c) => c.notNull())
      .addColumn("abstained", integer, (c) => c.notNull())
      .addColumn("latency_sum_us", real, (c) => c.notNull())
      .addColumn("latency_max_us", integer, (c) => c.notNull())
      .addColumn("energy_sum_uj", real, (c) => c.notNull())
      .addColumn("probes_seen", integer, (c) => c.notNull())
      .addColumn("probes_correct", integer, (c) => c.notNull())
      .addColumn("confidence", text, (c) => c.notNull())
      .addColumn("outputs", text, (c) => c.notNull())
      .addPrimaryKeyConstraint("telemetry_pk", ["device_id", "release_sequence", "bucket_ms"])
      .execute();
  },
});

const audit = ({ integer, text }: Types): Migration => ({
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable("audit")
      .addColumn("number", integer, (c) => c.primaryKey())
      .addColumn("at_ms", integer, (c) => c.notNull())
      .addColumn("by_whom", text, (c) => c.notNull())
      .addColumn("action", text, (c) => c.notNull())
      .addColumn("status", integer, (c) => c.notNull())
      .addColumn("detail", text, (c) => c.notNull())
      .addColumn("sha256", text, (c) => c.notNull())
      .execute();
    // Roll-ups and retention go by time over all devices.
    await db.schema.createIndex("telemetry_by_time").on("telemetry").column("bucket_ms").execute();
  },
});

const ddi = ({ integer }: Types): Migration => ({
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable("ddi_credentials")
      .addColumn("id", "text", (c) => c.primaryKey())
      .addColumn("token_sha256", "text", (c) => c.notNull().unique())
      .addColumn("kind", "text", (c) => c.notNull())
      .addColumn("device_id", "text")
      .addColumn("product", "text", (c) => c.notNull())
      .addColumn("hardware", "text", (c) => c.notNull())
      .addColumn("tags", "text", (c) => c.notNull())
      .addColumn("max_devices", integer, (c) => c.notNull())
      .addColumn("created_at_ms", integer, (c) => c.notNull())
      .addColumn("revoked_at_ms", integer)
      .execute();
    await db.schema
      .createTable("ddi_devices")
      .addColumn("device_id", "text", (c) => c.primaryKey())
      .addColumn("credential_id", "text", (c) => c.notNull())
      .addColumn("attributes", "text")
      .addColumn("open_action", integer)
      .addColumn("installed_action", integer)
      .execute();
    await db.schema
      .createIndex("ddi_devices_by_credential")
      .on("ddi_devices")
      .column("credential_id")
      .execute();
  },
});

const peers = ({ text, integer }: Types): Migration => ({
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable("servers")
      .addColumn("id", text, (c) => c.primaryKey())
      .execute();
    await db.schema
      .createTable("used_nonces")
      .addColumn("nonce", text, (c) => c.primaryKey())
      .addColumn("used_at_ms", integer, (c) => c.notNull())
      .execute();
    await db.schema.alterTable("devices").addColumn("served_by", text).execute();
  },
});

/** Why devices wait, when they are asked again, and tokens that bring in many of them. */
const waits = ({ integer, text }: Types): Migration => ({
  async up(db: Kysely<unknown>) {
    await db.schema.alterTable("devices").addColumn("conditions", text).execute();
    await db.schema.alterTable("rollout_devices").addColumn("detail", text).execute();
    await db.schema.alterTable("rollout_devices").addColumn("retry_at_ms", integer).execute();
    await db.schema
      .alterTable("enrolment_tokens")
      .addColumn("max_devices", integer, (c) => c.notNull().defaultTo(1))
      .execute();
    await db.schema
      .alterTable("enrolment_tokens")
      .addColumn("used", integer, (c) => c.notNull().defaultTo(0))
      .execute();
  },
});

const published = ({ integer, bytes, text }: Types): Migration => ({
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable("envelopes")
      .addColumn("file", text, (c) => c.primaryKey())
      .addColumn("body", bytes, (c) => c.notNull())
      .addColumn("stored_at_ms", integer, (c) => c.notNull())
      .execute();
    await db.schema
      .createTable("publish_log")
      .addColumn("number", integer, (c) => c.primaryKey())
      .addColumn("at_ms", integer, (c) => c.notNull())
      .addColumn("name", text, (c) => c.notNull())
      .addColumn("sha256", text, (c) => c.notNull())
      .addColumn("previous", text, (c) => c.notNull())
      .addColumn("head", text, (c) => c.notNull())
      .execute();
  },
});

/** What lets a database answer for a million devices by itself: draws, and sums that need no document to be read. */
const scale = ({ integer, real }: Types): Migration => ({
  async up(db: Kysely<unknown>) {
    const zero = (table: string, column: string, type: "integer" | "bigint" | "real" | "double precision") =>
      db.schema
        .alterTable(table)
        .addColumn(column, type, (c) => c.notNull().defaultTo(0))
        .execute();
    await zero("devices", "draw", integer);
    await zero("rollout_devices", "draw", integer);
    await zero("telemetry", "confidence_count", integer);
    await zero("telemetry", "confidence_sum", real);
    await db.schema
      .createTable("counters")
      .addColumn("name", "text", (c) => c.primaryKey())
      .addColumn("value", integer, (c) => c.notNull())
      .execute();
    await sql`insert into counters select 'windows', coalesce(sum(windows), 0) from telemetry`.execute(db);
    await sql`insert into counters select 'reports', count(*) from reports`.execute(db);
    await fillDraws(db, "devices", "id");
    await fillDraws(db, "rollout_devices", "device_id");
    await fillConfidence(db);
    await sql`create index members_by_wave on rollout_devices (rollout_id, wave desc, draw)`.execute(db);
  },
});

/** How devices are doing, for rollouts that ask; and whom a wave is compared with. */
const health = ({ integer, real, text }: Types): Migration => ({
  async up(db: Kysely<unknown>) {
    await db.schema
      .alterTable("devices")
      .addColumn("update_failed", integer, (c) => c.notNull().defaultTo(0))
      .execute();
    await db.schema.alterTable("devices").addColumn("error_rate", real).execute();
    // What hardware there is, without a reading of the whole table.
    await db.schema
      .createIndex("devices_by_hardware")
      .on("devices")
      .columns(["product", "hardware"])
      .execute();
    // PostgreSQL takes a grouping by places for one of as many groups as there are draws, and won't share it out.
    if (integer === "bigint")
      await sql`alter table devices alter column draw set (n_distinct = 1024)`.execute(db);
    await sql`update devices set update_failed = 1 where id in (
      select device_id from rollout_devices m where state = 'failed' and not exists (
        select 1 from rollout_devices n where n.device_id = m.device_id and n.offered_at_ms > m.offered_at_ms))`.execute(
      db,
    );
    await db.schema
      .createTable("rollout_controls")
      .addColumn("rollout_id", text, (c) => c.notNull())
      .addColumn("device_id", text, (c) => c.notNull())
      .addColumn("sequence", integer, (c) => c.notNull())
      .addPrimaryKeyConstraint("rollout_controls_pk", ["rollout_id", "device_id"])
      .execute();
  },
});

const webhooks = ({ integer, text }: Types): Migration => ({
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable("webhooks")
      .addColumn("id", text, (c) => c.primaryKey())
      .addColumn("url", text, (c) => c.notNull())
      .addColumn("kinds", text)
      .addColumn("secrets", text, (c) => c.notNull())
      .addColumn("created_at_ms", integer, (c) => c.notNull())
      .addColumn("ended_at_ms", integer)
      .execute();
    await db.schema
      .createTable("webhook_deliveries")
      .addColumn("id", text, (c) => c.primaryKey())
      .addColumn("webhook_id", text, (c) => c.notNull())
      .addColumn("body", text, (c) => c.notNull())
      .addColumn("created_at_ms", integer, (c) => c.notNull())
      .addColumn("attempts", integer, (c) => c.notNull())
      .addColumn("next_at_ms", integer)
      .addColumn("delivered_at_ms", integer)
      .addColumn("problem", text)
      .execute();
    await db.schema
      .createIndex("webhook_deliveries_by_webhook")
      .on("webhook_deliveries")
      .columns(["webhook_id", "next_at_ms"])
      .execute();
  },
});

/** A uniform sample of a product's devices: those whose draws are small. */
const sample: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema.createIndex("devices_by_draw").on("devices").columns(["product", "draw"]).execute();
  },
};

/** Who reads outputs; and a device's way through its rollouts without a reading of all of them. */
const catalogue = ({ integer, text }: Types): Migration => ({
  async up(db: Kysely<unknown>) {
    let table = db.schema.createTable("consumers").addColumn("id", text, (c) => c.primaryKey());
    for (const column of ["product", "contact", "purpose", "reads", "labels", "declared_by"]) {
      table = table.addColumn(column, text, (c) => c.notNull());
    }
    await table.addColumn("declared_at_ms", integer, (c) => c.notNull()).execute();
    await sql`create index members_by_device on rollout_devices (device_id, offered_at_ms)`.execute(db);
  },
});

/** Layouts of parameters; patches of the format before them are made again. */
const layouts = ({ text }: Types): Migration => ({
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable("layouts")
      .addColumn("architecture_hash", text, (c) => c.primaryKey())
      .addColumn("layout", text, (c) => c.notNull())
      .execute();
    await sql`delete from patches`.execute(db);
  },
});

async function fillDraws(db: Kysely<unknown>, table: string, column: string): Promise<void> {
  const id = sql.ref(column);
  let after = "";
  for (;;) {
    const { rows } = await sql<{ id: string }>`select distinct ${id} as id from ${sql.table(table)}
      where ${id} > ${after} order by ${id} limit 1000`.execute(db);
    for (const row of rows) {
      const draw = sql.lit(drawOf(row.id));
      await sql`update ${sql.table(table)} set draw = ${draw} where ${id} = ${row.id}`.execute(db);
    }
    if (rows.length === 0) return;
    after = rows.at(-1)!.id;
  }
}

async function fillConfidence(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ confidence: string }>`select distinct confidence from telemetry`.execute(db);
  for (const { confidence } of rows) {
    const { count, sum } = confidenceOf(JSON.parse(confidence));
    await sql`update telemetry set confidence_count = ${sql.lit(count)}, confidence_sum = ${sql.lit(sum)}
      where confidence = ${confidence}`.execute(db);
  }
}

/** What a release in the shadow of another agreed on with it. */
const shadow = ({ integer }: Types): Migration => ({
  async up(db: Kysely<unknown>) {
    for (const name of ["compared", "agreed"]) {
      await db.schema
        .alterTable("telemetry")
        .addColumn(name, integer, (c) => c.notNull().defaultTo(0))
        .execute();
    }
  },
});

/** What devices can. They say so when they poll next; hawkBit's clients, who have no key of their own, never do. */
const abilities = ({ integer }: Types): Migration => ({
  async up(db: Kysely<unknown>) {
    for (const name of ["can_shadow", "can_hold"]) {
      await db.schema.alterTable("devices").addColumn(name, integer).execute();
    }
    await sql`update devices set can_shadow = 0, can_hold = 0 where public_key = ''`.execute(db);
  },
});

class Steps implements MigrationProvider {
  private readonly types: Types;

  constructor(types: Types) {
    this.types = types;
  }

  /** A step that has shipped is never changed: a new one is added below it. They run in the order of their names. */
  async getMigrations(): Promise<Record<string, Migration>> {
    return {
      "0001-first": first(this.types),
      "0002-audit": audit(this.types),
      "0003-ddi": ddi(this.types),
      "0004-peers": peers(this.types),
      "0005-waits": waits(this.types),
      // Two of one number, in the order of their names like all: a step that has run keeps its name.
      "0006-published": published(this.types),
      "0006-scale": scale(this.types),
      "0007-health": health(this.types),
      "0008-webhooks": webhooks(this.types),
      "0009-shadow": shadow(this.types),
      "0010-sample": sample,
      "0011-catalogue": catalogue(this.types),
      "0012-layouts": layouts(this.types),
      "0013-abilities": abilities(this.types),
    };
  }
}

/** Names of all steps, as they are written down. */
export async function migrationNames(): Promise<string[]> {
  return Object.keys(await new Steps(SQLITE_TYPES).getMigrations());
}

/**
 * Brings an empty or older store up to this version, or to the step `until`. Throws StoreError when it was written by a
 * newer server.
 */
export async function migrate(db: Kysely<Tables>, types: Types, until?: string): Promise<void> {
  const migrator = new Migrator({ db, provider: new Steps(types) });
  const { error } = await (until === undefined ? migrator.migrateToLatest() : migrator.migrateTo(until));
  if (error === undefined) return;
  throw new StoreError({
    expected: "a store of this server's version or older",
    got: whatCame(error),
    todo: "Start the version of mote-server that last wrote this data folder, or restore a backup.",
    cause: error,
  });
}
