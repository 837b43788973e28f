/** What guards a client against endless data and endless work. The defaults are those of the field's clients. */
export interface TrustLimits {
  readonly rootMaxBytes: number;
  readonly timestampMaxBytes: number;
  /** Where the timestamp names no length. */
  readonly snapshotMaxBytes: number;
  /** Where the snapshot names no length; for every delegated role too. */
  readonly targetsMaxBytes: number;
  /** Root versions that one refresh walks. A device that slept longer goes on with the next refresh. */
  readonly maxRootRotations: number;
  /** Delegated roles that one search visits. */
  readonly maxDelegations: number;
}

export const TRUST_LIMITS: TrustLimits = {
  rootMaxBytes: 512_000,
  timestampMaxBytes: 16_384,
  snapshotMaxBytes: 2_000_000,
  targetsMaxBytes: 5_000_000,
  maxRootRotations: 256,
  maxDelegations: 32,
};

/** Nesting of a metadata document; real ones need 8. */
export const MAX_JSON_DEPTH = 32;
