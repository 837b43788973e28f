/**
 * One class per cause, one stable code per class. A message says what was expected, what came, and what to do.
 * Other packages extend MoteError in an errors.ts of their own; docs/errors.md lists all codes.
 */

/** Exit codes of every Mote command: see docs/commands.md. */
export const EXIT = { done: 0, fault: 1, badInput: 2, limitNotMet: 3, refusedByTrust: 4 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export interface ErrorParts {
  readonly expected: string;
  readonly got: string;
  readonly todo: string;
  readonly cause?: unknown;
  /** In place of the sentence made of these: what another program has told in full. */
  readonly told?: string;
}

export abstract class MoteError extends Error {
  abstract readonly code: `MOTE_${string}`;
  abstract readonly exitCode: ExitCode;
  readonly expected: string;
  readonly got: string;
  readonly todo: string;

  constructor(parts: ErrorParts) {
    super(
      parts.told ?? `Expected ${bare(parts.expected)}; got ${bare(parts.got)}. ${parts.todo}`.trimEnd(),
      parts.cause === undefined ? {} : { cause: parts.cause },
    );
    this.name = new.target.name;
    this.expected = parts.expected;
    this.got = parts.got;
    this.todo = parts.todo;
  }
}

/** What others end with a full stop goes on in our sentence. */
function bare(text: string): string {
  if (text.trim() === "") return JSON.stringify(text);
  return text.trimEnd().replace(/(?<!\.)\.$/, "");
}

/** What went wrong below, for the `got` of an error that says what it means here. */
export function whatCame(cause: unknown): string {
  if (cause instanceof MoteError) return `${bare(cause.got)}, instead of ${bare(cause.expected)}`;
  return cause instanceof Error ? cause.message || cause.name : String(cause);
}

/** A document from outside (manifest, frame, request) does not follow its schema. */
export class SchemaError extends MoteError {
  readonly code = "MOTE_SCHEMA";
  readonly exitCode = EXIT.badInput;
}

/** The operating system refuses: a file, a folder, an address or the disk. The message says which, and why. */
export class SystemError extends MoteError {
  readonly code = "MOTE_SYSTEM";
  readonly exitCode = EXIT.badInput;
}

/** Bytes do not have the digest or length that something trusted named. */
export class DigestMismatchError extends MoteError {
  readonly code = "MOTE_DIGEST_MISMATCH";
  readonly exitCode = EXIT.refusedByTrust;
}

/** A bundle file is truncated, too long, or not a bundle at all. */
export class BundleFormatError extends MoteError {
  readonly code = "MOTE_BUNDLE_FORMAT";
  readonly exitCode = EXIT.badInput;
}

/** Something is larger than the limit that guards against endless data. */
export class TooLargeError extends MoteError {
  readonly code = "MOTE_TOO_LARGE";
  readonly exitCode = EXIT.badInput;
}

/** An event reached the update machine in a state whose table row has no answer to it. */
export class IllegalTransitionError extends MoteError {
  readonly code = "MOTE_ILLEGAL_TRANSITION";
  readonly exitCode = EXIT.fault;
}

/** Something that trust refuses: the device keeps what it runs, and a command ends with exit code 4. */
export abstract class TrustError extends MoteError {
  readonly exitCode = EXIT.refusedByTrust;
}

/** Trust metadata is not JSON, breaks its schema, or is of another role than its name says. */
export class MetadataFormatError extends TrustError {
  readonly code = "MOTE_TRUST_FORMAT";
}

/** Fewer distinct keys of the role have signed than its threshold asks. */
export class SignatureThresholdError extends TrustError {
  readonly code = "MOTE_TRUST_SIGNATURE";
}

/** Metadata is older than what this device has already seen. */
export class MetadataRollbackError extends TrustError {
  readonly code = "MOTE_TRUST_ROLLBACK";
}

/** Metadata is past its expiry by the device's trusted time: somebody may be withholding newer metadata. */
export class MetadataExpiredError extends TrustError {
  readonly code = "MOTE_TRUST_EXPIRED";
}

/** Metadata is not the version, length or digest that the role above it names. */
export class MetadataMismatchError extends TrustError {
  readonly code = "MOTE_TRUST_MISMATCH";
}

/** Metadata goes on beyond the length that is allowed for it. */
export class MetadataTooLargeError extends TrustError {
  readonly code = "MOTE_TRUST_TOO_LARGE";
}

/** The repository does not have a metadata file that it must have. */
export class MetadataMissingError extends TrustError {
  readonly code = "MOTE_TRUST_MISSING";
}

/** No trusted role speaks for this target path. */
export class TargetNotFoundError extends TrustError {
  readonly code = "MOTE_TRUST_NO_TARGET";
}

/** A release lies below the signed floor of its product. */
export class BelowFloorError extends TrustError {
  readonly code = "MOTE_TRUST_BELOW_FLOOR";
}

/** A release has no variant for this hardware class. */
export class WrongHardwareError extends TrustError {
  readonly code = "MOTE_TRUST_WRONG_HARDWARE";
}

/** A variant's parameters belong to other model code than the device runs. */
export class WrongArchitectureError extends TrustError {
  readonly code = "MOTE_TRUST_WRONG_ARCHITECTURE";
}

/** A release is of another product, or its manifest says something else than what was signed about it. */
export class WrongReleaseError extends TrustError {
  readonly code = "MOTE_TRUST_WRONG_RELEASE";
}

/** A key file is missing, damaged, not a key file, or would be overwritten. */
export class KeyFileError extends MoteError {
  readonly code = "MOTE_KEY_FILE";
  readonly exitCode = EXIT.badInput;
}

/** A key file does not open with the passphrase that was given, or none was given. */
export class PassphraseError extends MoteError {
  readonly code = "MOTE_PASSPHRASE";
  readonly exitCode = EXIT.badInput;
}

/** Every way in which a patch can fail; whatever an attacker sends, applying it throws nothing else. */
export abstract class PatchError extends MoteError {}

/** Bytes are no patch, or a patch of a version or codec that this program does not know, or break its grammar. */
export class PatchFormatError extends PatchError {
  readonly code = "MOTE_PATCH_FORMAT";
  readonly exitCode = EXIT.badInput;
}

/** A layout of parameters is damaged, or one for other parameters: `mote diff` and `mote bundle create` read it. */
export class PatchLayoutError extends MoteError {
  readonly code = "MOTE_PATCH_LAYOUT";
  readonly exitCode = EXIT.badInput;
}

/** A patch ends before it has produced its result. */
export class PatchTruncatedError extends PatchError {
  readonly code = "MOTE_PATCH_TRUNCATED";
  readonly exitCode = EXIT.badInput;
}

/** A patch claims a result larger than the limit, or than what the signed manifest names. */
export class PatchTooLargeError extends PatchError {
  readonly code = "MOTE_PATCH_TOO_LARGE";
  readonly exitCode = EXIT.badInput;
}

/** A patch was made for another file than the one it is applied to. */
export class PatchBaseError extends PatchError {
  readonly code = "MOTE_PATCH_BASE";
  readonly exitCode = EXIT.badInput;
}

/** A patch was carried out and what it made does not have the digest that it names. */
export class PatchResultError extends PatchError {
  readonly code = "MOTE_PATCH_RESULT";
  readonly exitCode = EXIT.badInput;
}
