import { promisify } from "node:util";
import { brotliCompress, gzip, constants as zlib } from "node:zlib";

/**
 * Content codings (RFC 9110, 8.4) of small answers: metadata and manifests are JSON, golden vectors mostly pictures or
 * recordings. Devices that fetch with Node or a browser accept both by themselves.
 */

export type Coding = "br" | "gzip";

export const CODING_LIMITS = {
  /** Bytes; larger ones are artifacts and their patches, which are compressed as they are. */
  maxBytes: 64 * 1024,
  /** Answers that stay in memory, coded. */
  maxKept: 256,
} as const;

/** The better of those that `Accept-Encoding` names; null where it names neither. */
export function acceptedCoding(header: string | undefined): Coding | null {
  const accepted = new Set(
    (header ?? "")
      .toLowerCase()
      .split(",")
      .map((one) => one.split(";").map((part) => part.trim()))
      .filter(([, weight]) => weight === undefined || !/^q=0(\.0*)?$/.test(weight))
      .map(([name]) => name),
  );
  if (accepted.has("br")) return "br";
  return accepted.has("gzip") ? "gzip" : null;
}

/** As small as the coding gets. */
export async function encodeContent(bytes: Uint8Array, coding: Coding): Promise<Uint8Array> {
  return coding === "br"
    ? promisify(brotliCompress)(bytes, {
        params: { [zlib.BROTLI_PARAM_SIZE_HINT]: bytes.length, [zlib.BROTLI_PARAM_LGWIN]: 16 },
      })
    : promisify(gzip)(bytes, { level: zlib.Z_BEST_COMPRESSION });
}

/** Codes each content once, whoever asks, and remembers too where it does not pay. */
export class ContentCodings {
  private readonly kept = new Map<string, Promise<Uint8Array | null>>();

  /**
   * @param sha256 of the content.
   * @returns null where the content is to be sent as it is.
   */
  of(
    sha256: string,
    length: number,
    coding: Coding,
    read: () => Promise<Uint8Array>,
  ): Promise<Uint8Array | null> {
    if (length > CODING_LIMITS.maxBytes) return Promise.resolve(null);
    const key = `${coding}/${sha256}`;
    const held = this.kept.get(key) ?? encoded(read, coding);
    // The least recently asked for is the first.
    this.kept.delete(key);
    this.kept.set(key, held);
    held.catch(() => this.kept.delete(key));
    if (this.kept.size > CODING_LIMITS.maxKept) this.kept.delete(this.kept.keys().next().value!);
    return held;
  }
}

async function encoded(read: () => Promise<Uint8Array>, coding: Coding): Promise<Uint8Array | null> {
  const bytes = await read();
  const coded = await encodeContent(bytes, coding);
  return coded.length < bytes.length ? coded : null;
}
