import {
  BelowFloorError,
  BundleFormatError,
  DigestMismatchError,
  MetadataExpiredError,
  type ReportCode,
  SchemaError,
  TrustError,
  WrongArchitectureError,
  WrongHardwareError,
} from "@mote/protocol";
import { DiskFullError, RoutesFailedError } from "../errors.js";

/** An error as the one word that the server counts and the operator reads. */
export function reportCode(error: unknown): ReportCode {
  if (error instanceof BelowFloorError) return "below-floor";
  if (error instanceof WrongHardwareError) return "wrong-hardware";
  if (error instanceof WrongArchitectureError) return "wrong-architecture";
  if (error instanceof MetadataExpiredError) return "metadata-expired";
  if (error instanceof TrustError) return "signature-invalid";
  if (error instanceof DigestMismatchError) return "digest-mismatch";
  if (error instanceof SchemaError || error instanceof BundleFormatError) return "manifest-invalid";
  if (error instanceof DiskFullError) return "disk-full";
  if (error instanceof RoutesFailedError) return "download-failed";
  return "internal";
}

/** An error's message for a report or a log line. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
