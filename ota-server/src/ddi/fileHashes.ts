import { createHash } from "node:crypto";
import type { ArtifactRef } from "@mote/protocol";
import type { Blobs } from "../blobs/blobs.js";

/** Hex. The old digests guard against nothing but a broken line; clients still ask for them. */
export interface FileHashes {
  readonly sha256: string;
  readonly sha1: string;
  readonly md5: string;
}

/** Files whose digests are kept; a fleet is offered a handful at a time. */
const MAX_KEPT = 64;

/** The digests that clients of hawkBit expect beside SHA-256; each file is read once for them. */
export class FileHasher {
  private readonly blobs: Blobs;
  private readonly kept = new Map<string, Promise<FileHashes>>();

  constructor(blobs: Blobs) {
    this.blobs = blobs;
  }

  of(artifact: ArtifactRef): Promise<FileHashes> {
    const held = this.kept.get(artifact.sha256);
    if (held !== undefined) return held;
    const made = this.read(artifact);
    this.kept.set(artifact.sha256, made);
    made.catch(() => this.kept.delete(artifact.sha256));
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= MAX_KEPT) break;
      this.kept.delete(oldest);
    }
    return made;
  }

  private async read({ sha256, length }: ArtifactRef): Promise<FileHashes> {
    const sha1 = createHash("sha1");
    const md5 = createHash("md5");
    for await (const chunk of this.blobs.stream(sha256, 0, length - 1)) {
      sha1.update(chunk);
      md5.update(chunk);
    }
    return { sha256, sha1: sha1.digest("hex"), md5: md5.digest("hex") };
  }
}
