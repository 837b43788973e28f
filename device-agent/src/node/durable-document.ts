import { whatCame } from "@mote/protocol";
import { type Adapter, Low } from "lowdb";
import type { Document } from "../core/ports.js";
import { AgentStateError } from "../errors.js";
import { readIfThere, replaceFile } from "./durable-file.js";

/**
 * lowdb with an adapter of our own: lowdb's never fsyncs, and an agent must not acknowledge what a power cut takes
 * back. One document per file.
 */
class DurableJson implements Adapter<unknown> {
  constructor(private readonly path: string) {}

  async read(): Promise<unknown> {
    const bytes = await readIfThere(this.path);
    if (bytes === null) return null;
    try {
      return JSON.parse(bytes.toString("utf8"));
    } catch (cause) {
      throw damaged(this.path, cause);
    }
  }

  async write(data: unknown): Promise<void> {
    await replaceFile(this.path, Buffer.from(`${JSON.stringify(data)}\n`, "utf8"));
  }
}

function damaged(path: string, cause: unknown): AgentStateError {
  return new AgentStateError({
    expected: `a JSON document of the agent in ${path}`,
    got: whatCame(cause),
    todo: "The agent never leaves a half-written file, so the disk or a hand changed it. Restore it, or enrol anew.",
    cause,
  });
}

export interface Form<T> {
  toJson(value: T): unknown;
  /** Throws SchemaError. */
  fromJson(document: unknown): T;
}

/** @throws AgentStateError on a damaged file, DiskFullError */
export function durableDocument<T>(path: string, form: Form<T>): Document<T> {
  const low = new Low<unknown>(new DurableJson(path), null);
  let held: T | null | undefined;
  return {
    async load() {
      if (held !== undefined) return held;
      await low.read();
      try {
        held = low.data === null ? null : form.fromJson(low.data);
      } catch (cause) {
        throw damaged(path, cause);
      }
      return held;
    },
    async save(value) {
      low.data = form.toJson(value);
      await low.write();
      held = value;
    },
  };
}
