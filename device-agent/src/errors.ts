import { EXIT, MoteError, TrustError } from "@mote/protocol";

/** A command was typed in a way that it can't be carried out. */
export class AgentUsageError extends MoteError {
  readonly code = "MOTE_AGENT_USAGE";
  readonly exitCode = EXIT.badInput;
}

/** The agent's state folder is missing, damaged, not this agent's, or in use by another agent. */
export class AgentStateError extends MoteError {
  readonly code = "MOTE_AGENT_STATE";
  readonly exitCode = EXIT.badInput;
}

/** The server's root is not the one that this device holds: it serves another fleet, whose releases it would never take. */
export class OtherFleetError extends TrustError {
  readonly code = "MOTE_OTHER_FLEET";
}

/** The device has no room for what must be written; nothing was lost. */
export class DiskFullError extends MoteError {
  readonly code = "MOTE_DISK_FULL";
  readonly exitCode = EXIT.limitNotMet;
}

/** A sensor's recording can't be read, or its samples are not of the size that the model takes. */
export class SensorError extends MoteError {
  readonly code = "MOTE_SENSOR";
  readonly exitCode = EXIT.badInput;
}

/** A model can't be loaded, or the inference worker failed while it ran. */
export class InferenceError extends MoteError {
  readonly code = "MOTE_INFERENCE";
  readonly exitCode = EXIT.fault;
}

/** No route that the server offered led to the artifact's bytes. */
export class RoutesFailedError extends MoteError {
  readonly code = "MOTE_ROUTES_FAILED";
  readonly exitCode = EXIT.fault;
}
