import { type Static, Type } from "@sinclair/typebox";
import { utf8 } from "../bytes.js";
import { checkSchema } from "../schema.js";
import { Floors, RootSigned } from "./metadata.js";
import { parseMetadata } from "./verify.js";

/**
 * All that a device remembers of trust. Metadata is kept as the bytes that were verified, and verified again whenever
 * it is used, against the keys that count *now*.
 */
export interface TrustState {
  readonly root: Uint8Array;
  readonly timestamp: Uint8Array | null;
  readonly snapshot: Uint8Array | null;
  readonly targets: Uint8Array | null;
  /** By role name. */
  readonly delegated: Readonly<Record<string, Uint8Array>>;
  /** Highest signed floor ever seen, by product: it only rises. */
  readonly floors: Readonly<Record<string, number>>;
  /** Greatest signed time ever seen, ms since 1970; 0 before the first. The device's own clock is never put here. */
  readonly timeMs: number;
}

/**
 * A device's first state: a root that came with it at manufacture, or by a person's hand at enrolment, never from the
 * server. Possession is the proof, so its signatures are not looked at here.
 *
 * @throws MetadataFormatError
 */
export function pinRoot(rootBytes: Uint8Array): TrustState {
  parseMetadata(rootBytes, RootSigned, "root");
  return {
    root: rootBytes,
    timestamp: null,
    snapshot: null,
    targets: null,
    delegated: {},
    floors: {},
    timeMs: 0,
  };
}

const OptionalText = Type.Union([Type.String(), Type.Null()]);

/** TrustState as a JSON document (metadata is JSON text already). */
export const TrustStateJson = Type.Object(
  {
    root: Type.String(),
    timestamp: OptionalText,
    snapshot: OptionalText,
    targets: OptionalText,
    delegated: Type.Record(Type.String(), Type.String()),
    floors: Floors,
    timeMs: Type.Number({ minimum: 0 }),
  },
  { additionalProperties: false },
);
export type TrustStateJson = Static<typeof TrustStateJson>;

// Byte-exact both ways: nothing enters a TrustState that is not UTF-8, and a byte order mark is kept.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function trustStateToJson(state: TrustState): TrustStateJson {
  const text = (bytes: Uint8Array | null) => (bytes === null ? null : decoder.decode(bytes));
  return {
    root: decoder.decode(state.root),
    timestamp: text(state.timestamp),
    snapshot: text(state.snapshot),
    targets: text(state.targets),
    delegated: Object.fromEntries(
      Object.entries(state.delegated).map(([role, bytes]) => [role, decoder.decode(bytes)]),
    ),
    floors: { ...state.floors },
    timeMs: state.timeMs,
  };
}

/** @throws SchemaError */
export function trustStateFromJson(document: unknown): TrustState {
  const json = checkSchema(TrustStateJson, document, "the stored trust state");
  const bytes = (text: string | null) => (text === null ? null : utf8(text));
  return {
    root: utf8(json.root),
    timestamp: bytes(json.timestamp),
    snapshot: bytes(json.snapshot),
    targets: bytes(json.targets),
    delegated: Object.fromEntries(Object.entries(json.delegated).map(([role, text]) => [role, utf8(text)])),
    floors: json.floors,
    timeMs: json.timeMs,
  };
}
