import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  checkSchema,
  type ParsedMetadata,
  parseMetadata,
  RootSigned,
  Sha256Hex,
  TargetsSigned,
} from "@mote/protocol";
import { makeFolder } from "@mote/protocol/node";
import { Type } from "@sinclair/typebox";
import { FileError } from "../errors.js";
import { replaceFile } from "../whole-file.js";

const HOLDERS_FILE = "holders.json";
const Holders = Type.Record(Sha256Hex, Type.String({ maxLength: 128 }));

/** A document that still gathers signatures. */
export interface Draft {
  readonly version: number;
  readonly bytes: Uint8Array;
}

/**
 * A folder of trust metadata, as `mote keys init` makes it and as people hand it on: `N.role.json` is signed by enough
 * keys, `N.role.draft.json` is not yet.
 */
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
    await makeFolder(path);
    return new MetadataFolder(path);
  }

  /** Complete versions of a role that are there, ascending. */
  versions(role: string): Promise<number[]> {
    return this.versionsOf(`.${encodeURIComponent(role)}.json`);
  }

  async read(role: string, version: number): Promise<Uint8Array> {
    return new Uint8Array(await readFile(this.file(role, version)));
  }

  /** The newest complete version. @throws FileError where there is none */
  async latest(role: string): Promise<Uint8Array> {
    const version = (await this.versions(role)).at(-1);
    if (version !== undefined) return this.read(role, version);
    throw new FileError({
      expected: `a file N.${role}.json in ${this.path}`,
      got: "none",
      todo: "Name the folder that `mote keys init --out` made.",
    });
  }

  /** @throws FileError, MetadataFormatError */
  async latestRoot(): Promise<ParsedMetadata<RootSigned>> {
    return parseMetadata(await this.latest("root"), RootSigned, "root");
  }

  /** @throws FileError, MetadataFormatError */
  async latestTargets(): Promise<ParsedMetadata<TargetsSigned>> {
    return parseMetadata(await this.latest("targets"), TargetsSigned, "targets");
  }

  /** The draft beyond the newest complete version; null where nobody has begun one. */
  async draft(role: string): Promise<Draft | null> {
    const complete = (await this.versions(role)).at(-1) ?? 0;
    const version = (await this.versionsOf(`.${encodeURIComponent(role)}.draft.json`)).at(-1);
    if (version === undefined || version <= complete) return null;
    return { version, bytes: new Uint8Array(await readFile(this.draftFile(role, version))) };
  }

  /** Writes a version, as a draft or as complete; drafts that it settles are removed. @returns the file's path */
  async write(role: string, version: number, bytes: Uint8Array, isComplete = true): Promise<string> {
    const path = isComplete ? this.file(role, version) : this.draftFile(role, version);
    await replaceFile(path, bytes);
    const settled = await this.versionsOf(`.${encodeURIComponent(role)}.draft.json`);
    for (const old of settled.filter((draft) => (isComplete ? draft <= version : draft < version))) {
      await rm(this.draftFile(role, old), { force: true });
    }
    return path;
  }

  /** Whose key is which, by id, as was noted when keys were made and named: for people to read, and trusted for nothing. */
  async holders(): Promise<Record<string, string>> {
    try {
      return checkSchema(Holders, JSON.parse(await readFile(this.holdersFile(), "utf8")), HOLDERS_FILE);
    } catch {
      return {};
    }
  }

  async noteHolders(keys: readonly { readonly keyId: string; readonly label: string }[]): Promise<void> {
    const noted = { ...(await this.holders()) };
    for (const { keyId, label } of keys) noted[keyId] = label;
    await replaceFile(this.holdersFile(), `${JSON.stringify(noted, null, 2)}\n`);
  }

  private holdersFile(): string {
    return join(this.path, HOLDERS_FILE);
  }

  private file(role: string, version: number): string {
    return join(this.path, `${version}.${encodeURIComponent(role)}.json`);
  }

  private draftFile(role: string, version: number): string {
    return join(this.path, `${version}.${encodeURIComponent(role)}.draft.json`);
  }

  private async versionsOf(suffix: string): Promise<number[]> {
    const names = (await readdir(this.path)).filter((name) => name.endsWith(suffix));
    return names
      .map((name) => name.slice(0, -suffix.length))
      .filter((version) => /^[1-9]\d*$/.test(version))
      .map(Number)
      .sort((a, b) => a - b);
  }
}
