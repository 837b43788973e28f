import { EXIT, MoteError } from "@mote/protocol";

/** A command was typed in a way that it can't be carried out. */
export class UsageError extends MoteError {
  readonly code = "MOTE_USAGE";
  readonly exitCode = EXIT.badInput;
}

/** This machine's clock can't be right: what it would sign would be worthless, or would look older than what it replaces. */
export class ClockError extends MoteError {
  readonly code = "MOTE_CLOCK";
  readonly exitCode = EXIT.badInput;
}

/** A file that was named can't be read or written. */
export class FileError extends MoteError {
  readonly code = "MOTE_FILE";
  readonly exitCode = EXIT.badInput;
}

/** A model file is truncated, contradicts itself or is not of the format that its name claims. */
export class ModelFormatError extends MoteError {
  readonly code = "MOTE_MODEL_FORMAT";
  readonly exitCode = EXIT.badInput;
}

/** A model uses something that Mote can read but not carry out; the message names each with its count and place. */
export class UnsupportedError extends MoteError {
  readonly code = "MOTE_UNSUPPORTED";
  readonly exitCode = EXIT.badInput;
}

/** A graph breaks a rule of the intermediate form; the message names the node at fault. */
export class GraphError extends MoteError {
  readonly code = "MOTE_GRAPH";
  readonly exitCode = EXIT.badInput;
}

/** Data do not fit the model: shape, dtype, count, NaN. */
export class DataError extends MoteError {
  readonly code = "MOTE_DATA";
  readonly exitCode = EXIT.badInput;
}

/** The result was produced and a limit that the user set does not hold for it. */
export class LimitError extends MoteError {
  readonly code = "MOTE_LIMIT";
  readonly exitCode = EXIT.limitNotMet;
}

/** A budget file can't be understood; the message names the line. */
export class BudgetError extends MoteError {
  readonly code = "MOTE_BUDGET";
  readonly exitCode = EXIT.badInput;
}

/** Compiled code, run on the host or in an emulator, did not give the bytes that the executor gives. */
export class MismatchError extends MoteError {
  readonly code = "MOTE_MISMATCH";
  readonly exitCode = EXIT.fault;
}

/** A compiler or an emulator failed on what Mote gave it; the message carries its last lines. */
export class BuildError extends MoteError {
  readonly code = "MOTE_BUILD";
  readonly exitCode = EXIT.fault;
}

/** A program or an optional library that the job needs is not on this machine. */
export class MissingToolError extends MoteError {
  readonly code = "MOTE_MISSING_TOOL";
  readonly exitCode = EXIT.badInput;
}

/** A long job was interrupted; the message says what it left behind. */
export class InterruptedError extends MoteError {
  readonly code = "MOTE_INTERRUPTED";
  readonly exitCode = EXIT.fault;
}

/** A rehearsal could not be played to its end: one of the programs that it started gave up. */
export class RehearsalError extends MoteError {
  readonly code = "MOTE_REHEARSAL";
  readonly exitCode = EXIT.fault;
}
