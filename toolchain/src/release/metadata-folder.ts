import { mkdir, open, readdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { type ParsedMetadata, parseMetadata, RootSigned, TargetsSigned } from "@mote/protocol";
import { FileError } from "../errors.js";

/** A folder of `N.role.json` files, as `mote keys init` makes it and as people hand it on to gather signatures. */
export class MetadataFolder {
  private constructor(readonly path: string) {}

  /** Accepts the folder itself and the folder of `mote keys init` above it. @throws FileError */
  static async open(path: string): Promise<MetadataFolder> {
    for (const candidate of [path, join(path, "metadata")]) {
      const names = await readdir(candidate).catch(() => [] as string[]);
      if (names.some((name) => name.endsWith(".root.json"))) return new MetadataFolder(candidate);
    }
    throw new FileError({
      expected: `trust metadata (such as 1.root.json) in ${path}`,
      got: "none",
      todo: "Name the folder that `mote keys init --out` made.",
    });
  }

  static async create(path: string): Promise<MetadataFolder> {
    await mkdir(path, { recursive: true });
    return new MetadataFolder(path);
  }

  /** Versions of a role that are there, ascending. */
  async versions(role: string): Promise<number[]> {
    const suffix = `.${encodeURIComponent(role)}.json`;
    const names = (await readdir(this.path)).filter((name) => name.endsWith(suffix));
    return names
      .map((name) => name.slice(0, -suffix.length))
      .filter((version) => /^[1-9]\d*$/.test(version))
      .map(Number)
      .sort((a, b) => a - b);
  }

  file(role: string, version: number): string {
    return join(this.path, `${version}.${encodeURIComponent(role)}.json`);
  }

  async read(role: string, version: number): Promise<Uint8Array> {
    return new Uint8Array(await readFile(this.file(role, version)));
  }

  /** Replaces the whole file or leaves the old one. */
  async write(role: string, version: number, bytes: Uint8Array): Promise<string> {
    const path = this.file(role, version);
    const draft = await open(`${path}.new`, "w", 0o644);
    try {
      await draft.writeFile(bytes);
      await draft.sync();
    } finally {
      await draft.close();
    }
    await rename(`${path}.new`, path);
    return path;
  }

  /** The newest root and targets. @throws FileError, MetadataFormatError */
  async latestRoot(): Promise<ParsedMetadata<RootSigned>> {
    return parseMetadata(await this.latest("root"), RootSigned, "root");
  }

  async latestTargets(): Promise<ParsedMetadata<TargetsSigned>> {
    return parseMetadata(await this.latest("targets"), TargetsSigned, "targets");
  }

  async latest(role: string): Promise<Uint8Array> {
    const version = (await this.versions(role)).at(-1);
    if (version !== undefined) return this.read(role, version);
    throw new FileError({
      expected: `a file N.${role}.json in ${this.path}`,
      got: "none",
      todo: "Name the folder that `mote keys init --out` made.",
    });
  }
}
