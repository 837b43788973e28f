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
}

export abstract class MoteError extends Error {
  abstract readonly code: `MOTE_${string}`;
  abstract readonly exitCode: ExitCode;
  readonly expected: string;
  readonly got: string;
  readonly todo: string;

  constructor(parts: ErrorParts) {
    super(
      `Expected ${parts.expected}; got ${parts.got}. ${parts.todo}`,
      parts.cause === undefined ? {} : { cause: parts.cause },
    );
    this.name = new.target.name;
    this.expected = parts.expected;
    this.got = parts.got;
    this.todo = parts.todo;
  }
}

/** A document from outside (manifest, frame, request) does not follow its schema. */
export class SchemaError extends MoteError {
  readonly code = "MOTE_SCHEMA";
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
