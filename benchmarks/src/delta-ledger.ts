import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { readModel, writeModel } from "@mote/toolchain/formats/index";
import type { Graph } from "@mote/toolchain/graph/graph";

/** What decides the figures: results of other code are not mixed with these. */
const CODE = [
  "toolchain/dist/quantize",
  "toolchain/dist/train",
  "protocol/dist/src/patch",
  "protocol/dist/node/patch",
];

/**
 * Hours of work that may be interrupted: each result is kept under its name as soon as it is there and found again by the
 * next run, as are the models that were trained on the way.
 */
export class Ledger {
  readonly #entries: Record<string, unknown>;
  readonly #code = codeDigest();

  constructor(
    private readonly file: string,
    private readonly models: string,
  ) {
    const before = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Partial<Contents>) : {};
    this.#entries = before.code === this.#code && before.entries !== undefined ? before.entries : {};
  }

  /** The entry of this name, made now if it is not there yet. */
  async keep<T>(name: string, make: () => Promise<T>): Promise<T> {
    if (name in this.#entries) return this.#entries[name] as T;
    const value = await make();
    this.#entries[name] = value;
    mkdirSync(dirname(this.file), { recursive: true });
    const contents: Contents = { node: process.version, code: this.#code, entries: this.#entries };
    writeFileSync(`${this.file}.part`, `${JSON.stringify(contents, null, 2)}\n`);
    renameSync(`${this.file}.part`, this.file);
    process.stderr.write(`${name}: done\n`);
    return value;
  }

  /** A float model that takes minutes to train; it does not depend on how it is rounded. */
  async model(name: string, train: () => Promise<Graph>): Promise<Graph> {
    if (!existsSync(this.#path(name))) await this.replaceModel(name, await train());
    return this.readModel(name);
  }

  async replaceModel(name: string, graph: Graph): Promise<void> {
    mkdirSync(this.models, { recursive: true });
    await writeModel(graph, this.#path(name));
  }

  readModel(name: string): Promise<Graph> {
    return readModel(this.#path(name));
  }

  #path(name: string): string {
    return join(this.models, `${name.replaceAll(/[^a-z0-9]+/gi, "-")}.onnx`);
  }
}

interface Contents {
  readonly node: string;
  readonly code: string;
  readonly entries: Record<string, unknown>;
}

function codeDigest(): string {
  const hash = createHash("sha256");
  const root = resolve(import.meta.dirname, "../..");
  for (const folder of CODE) {
    const names = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" });
    for (const name of names.filter((each) => each.endsWith(".js")).sort())
      hash.update(name).update(readFileSync(join(root, folder, name)));
  }
  return hash.digest("hex").slice(0, 16);
}
