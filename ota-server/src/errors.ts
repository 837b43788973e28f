import { type ErrorParts, EXIT, type ExitCode, MoteError } from "@mote/protocol";

/** What a door answers when it refuses: the error's code, and this HTTP status. */
export abstract class ServerError extends MoteError {
  abstract readonly status: number;
  readonly exitCode: ExitCode = EXIT.badInput;
}

/** The request has no credentials, or they are wrong, expired or withdrawn. */
export class UnauthenticatedError extends ServerError {
  readonly code = "MOTE_UNAUTHENTICATED";
  readonly status = 401;
}

/** The caller is known and may not do this. */
export class ForbiddenError extends ServerError {
  readonly code = "MOTE_FORBIDDEN";
  readonly status = 403;
}

/** What the request names does not exist here. */
export class NotFoundError extends ServerError {
  readonly code = "MOTE_NOT_FOUND";
  readonly status = 404;
}

/** The request contradicts what is stored: a token used by another key, a version uploaded twice with other bytes. */
export class ConflictError extends ServerError {
  readonly code = "MOTE_CONFLICT";
  readonly status = 409;
}

/** The request is well-formed and can't be carried out as things stand. */
export class PreconditionError extends ServerError {
  readonly code = "MOTE_PRECONDITION";
  readonly status = 422;
}

/** A caller asks more often than it may; try again later. */
export class TooManyRequestsError extends ServerError {
  readonly code = "MOTE_TOO_MANY_REQUESTS";
  readonly status = 429;
  readonly retryAfterS: number;

  constructor(parts: ErrorParts, retryAfterS: number) {
    super(parts);
    this.retryAfterS = retryAfterS;
  }
}

/** The server's settings contradict each other or would be unsafe. */
export class ConfigError extends ServerError {
  readonly code = "MOTE_CONFIG";
  readonly status = 500;
}

/** The data folder can't be used: locked by another server, of a newer version, or not writable. */
export class StoreError extends ServerError {
  readonly code = "MOTE_STORE";
  readonly status = 503;
  override readonly exitCode: ExitCode = EXIT.fault;
}

/** A backup file breaks off, was changed, or is something else. Nothing was restored. */
export class DamagedBackupError extends ServerError {
  readonly code = "MOTE_BACKUP_DAMAGED";
  readonly status = 500;
}

/** A backup can't be written or restored to where it was asked: something is there already, or nothing to back up. */
export class BackupPlaceError extends ServerError {
  readonly code = "MOTE_BACKUP_PLACE";
  readonly status = 500;
}
