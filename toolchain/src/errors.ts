import { EXIT, MoteError } from "@mote/protocol";

/** A command was typed in a way that it can't be carried out. */
export class UsageError extends MoteError {
  readonly code = "MOTE_USAGE";
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

/** A program or an optional library that the job needs is not on this machine. */
export class MissingToolError extends MoteError {
  readonly code = "MOTE_MISSING_TOOL";
  readonly exitCode = EXIT.badInput;
}
