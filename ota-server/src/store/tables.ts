/**
 * The store's tables. Times are milliseconds since 1970; flags are 0 or 1; documents are JSON text. Every column type
 * exists alike in SQLite and PostgreSQL.
 */
export interface Tables {
  settings: { name: string; value: string };
  people: {
    id: string;
    role: string;
    token_sha256: string;
    created_at_ms: number;
    revoked_at_ms: number | null;
  };
  enrolment_tokens: {
    id: string;
    token_sha256: string;
    product: string;
    hardware: string | null;
    tags: string;
    expires_at_ms: number;
    used_by: string | null;
    used_key: string | null;
    /** Devices that the token may bring in; 1 is a one-time token. */
    max_devices: number;
    /** Devices that a token for many has brought in. */
    used: number;
  };
  devices: {
    id: string;
    product: string;
    hardware: string;
    tags: string;
    public_key: string;
    enrolled_at_ms: number;
    revoked_at_ms: number | null;
    last_seen_ms: number | null;
    online: number;
    running_sequence: number;
    artifact_sha256: string | null;
    held: string;
    floor: number;
    codecs: string;
    agent_version: string;
    battery_percent: number | null;
    free_bytes: number | null;
    /** JSON of ReportedConditions; null from agents that don't tell. */
    conditions: string | null;
    /** 1 where it can run a second model beside the one that serves, 0 where it can't; null until it says. */
    can_shadow: number | null;
    /** 1 where it can keep a proved release in its spare slot until the switch, 0 where it can't; null until it says. */
    can_hold: number | null;
    /** Of the id alone (draw.ts). */
    draw: number;
    /** The server that the device is connected to (peers.ts), where several share the store. */
    served_by: string | null;
    /** Highest telemetry frame that is counted; frames at or below it are repetitions. */
    frame_sequence: number;
    /** 1 when the last update that it told the outcome of failed or was reverted. */
    update_failed: number;
    /** Errors per inference, the newest windows weighing most (telemetry.ts); null before any. */
    error_rate: number | null;
  };
  releases: {
    product: string;
    version: string;
    sequence: number;
    target: string;
    manifest_sha256: string;
    manifest_length: number;
    manifest: string;
    uploaded_at_ms: number;
  };
  /** Patches that were made; a row with a null digest says that none is worth having. */
  patches: {
    base_sha256: string;
    target_sha256: string;
    codec: string;
    sha256: string | null;
    length: number;
  };
  /** By the hash of their architecture: what lies where in its parameters, as JSON. */
  layouts: { architecture_hash: string; layout: string };
  trust_files: { file: string; role: string; version: number; body: Uint8Array; stored_at_ms: number };
  /** Signed envelopes for MCUs. */
  envelopes: { file: string; body: Uint8Array; stored_at_ms: number };
  /** Hash-chained: `head` is the digest of this entry, `previous` that of the one before. Rows are only ever added. */
  publish_log: {
    number: number;
    at_ms: number;
    name: string;
    sha256: string;
    previous: string;
    head: string;
  };
  rollouts: {
    id: string;
    product: string;
    sequence: number;
    /** Order of creation: of two rollouts that speak for a device the later one wins. */
    number: number;
    active: number;
    state: string;
    created_at_ms: number;
    updated_at_ms: number;
  };
  rollout_devices: {
    rollout_id: string;
    device_id: string;
    wave: number;
    previous_sequence: number;
    state: string;
    code: string | null;
    attempts: number;
    offered_at_ms: number;
    settled_at_ms: number | null;
    downloaded_bytes: number;
    codec: string | null;
    /** What it waits for, or why it failed. */
    detail: string | null;
    /** When it may be told again after a failure; null when it is not to be. */
    retry_at_ms: number | null;
    /** Of the device's id alone (draw.ts). */
    draw: number;
  };
  /** Whom a rollout's current wave is compared with, and what each ran when the wave opened (controls.ts). */
  rollout_controls: { rollout_id: string; device_id: string; sequence: number };
  reports: { device_id: string; id: string; received_at_ms: number; offer_id: string | null; body: string };
  telemetry: {
    device_id: string;
    release_sequence: number;
    bucket_ms: number;
    windows: number;
    inferences: number;
    errors: number;
    abstained: number;
    latency_sum_us: number;
    latency_max_us: number;
    energy_sum_uj: number;
    probes_seen: number;
    probes_correct: number;
    /** Of a release in the shadow of another (telemetry.ts, shadowKey). */
    compared: number;
    agreed: number;
    confidence: string;
    outputs: string;
    /** What `confidence` comes to (confidence.ts). */
    confidence_count: number;
    confidence_sum: number;
  };
  /** Tokens of hawkBit's device interface: of one device ("target"), or of a gateway that vouches for many. */
  ddi_credentials: {
    id: string;
    token_sha256: string;
    kind: string;
    device_id: string | null;
    product: string;
    hardware: string;
    tags: string;
    max_devices: number;
    created_at_ms: number;
    revoked_at_ms: number | null;
  };
  /** What hawkBit's interface must remember of a device beyond `devices`. */
  ddi_devices: {
    device_id: string;
    credential_id: string;
    /** JSON object; null until the device has sent its configData. */
    attributes: string | null;
    /** Action that the device was told of and has not closed. */
    open_action: number | null;
    installed_action: number | null;
  };
  audit: {
    number: number;
    at_ms: number;
    by_whom: string;
    action: string;
    status: number;
    detail: string;
    sha256: string;
  };
  /** Where other programs want to be told. */
  webhooks: {
    id: string;
    url: string;
    /** JSON array; null for all. */
    kinds: string | null;
    /** JSON array, newest first. */
    secrets: string;
    created_at_ms: number;
    ended_at_ms: number | null;
  };
  /** Messages to webhooks. Ids grow with time. */
  webhook_deliveries: {
    id: string;
    webhook_id: string;
    body: string;
    created_at_ms: number;
    attempts: number;
    /** Null when it is settled. */
    next_at_ms: number | null;
    delivered_at_ms: number | null;
    problem: string | null;
  };
  /** Servers that work on this store; one that is gone is found by its lock (postgresPeers.ts). */
  servers: { id: string };
  /** Nonces of device sign-ins, kept where several servers must know of them, until they expire. */
  used_nonces: { nonce: string; used_at_ms: number };
  /** Declared readers of outputs (catalog room). `reads` and `labels` are JSON arrays; no labels: all. */
  consumers: {
    id: string;
    product: string;
    contact: string;
    purpose: string;
    reads: string;
    labels: string;
    declared_by: string;
    declared_at_ms: number;
  };
  /** What would take a reading of a whole table to count (counters.ts). */
  counters: { name: string; value: number };
}
