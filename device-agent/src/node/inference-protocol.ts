import type { TensorSpec } from "@mote/protocol";

/** What passes between the agent's thread and the inference worker. */

export interface OpenRequest {
  readonly kind: "open";
  readonly id: number;
  readonly sha256: string;
  readonly bytes: Uint8Array;
}
export interface RunRequest {
  readonly kind: "run";
  readonly id: number;
  readonly sha256: string;
  readonly input: TensorSpec;
  readonly output: TensorSpec;
  readonly tensor: Uint8Array;
}
export interface CloseRequest {
  readonly kind: "close";
  readonly id: number;
  readonly sha256: string;
}
export type WorkerRequest = OpenRequest | RunRequest | CloseRequest;

export type WorkerAnswer =
  | { readonly id: number; readonly ok: true; readonly output?: Uint8Array; readonly latencyUs?: number }
  | { readonly id: number; readonly ok: false; readonly message: string };
