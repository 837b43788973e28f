import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { AwsClient } from "aws4fetch";
import { isLoopback } from "../config.js";
import { ConfigError, StoreError } from "../errors.js";
import { type Blobs, checkDigest, SHA256_HEX } from "./blobs.js";

export const S3_LIMITS = {
  /** Attempts after the first where the storage answers 5xx or 429, each twice as late as the one before. */
  retries: 4,
  firstRetryMs: 100,
  answerTimeoutMs: 60_000,
  /** Lengths that are kept: a blob never changes, and polls ask for few. */
  maxLengths: 10_000,
} as const;

const DEFAULT_REGION = "us-east-1";

/** Of the AWS command line: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL_S3. */
export type S3Environment = Readonly<Record<string, string | undefined>>;

/**
 * Blobs in a bucket of S3 or of what speaks its protocol, one object each. The storage checks the digest that is part of
 * the signature, so an object is whole or not there; an answer of 200 is its word that it is durable.
 */
export class S3Blobs implements Blobs {
  private readonly client: AwsClient;
  private readonly bucketUrl: string;
  private readonly prefix: string;
  private readonly lengths = new Map<string, number>();

  private constructor(client: AwsClient, bucketUrl: string, prefix: string) {
    this.client = client;
    this.bucketUrl = bucketUrl;
    this.prefix = prefix;
  }

  /** Asks the bucket once. Throws ConfigError for an address or credentials that don't do, StoreError while it can't be had. */
  static async open(place: string, environment: S3Environment): Promise<S3Blobs> {
    const { bucket, prefix } = parsePlace(place);
    const accessKeyId = environment["AWS_ACCESS_KEY_ID"];
    const secretAccessKey = environment["AWS_SECRET_ACCESS_KEY"];
    if (!accessKeyId || !secretAccessKey) {
      throw new ConfigError({
        expected: `credentials for ${place} in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY`,
        got: "none",
        todo: "Set both in the server's environment.",
      });
    }
    const region = environment["AWS_REGION"] ?? environment["AWS_DEFAULT_REGION"] ?? DEFAULT_REGION;
    const sessionToken = environment["AWS_SESSION_TOKEN"];
    const client = new AwsClient({
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
      service: "s3",
      region,
      retries: S3_LIMITS.retries,
      initRetryMs: S3_LIMITS.firstRetryMs,
    });
    const endpoint = environment["AWS_ENDPOINT_URL_S3"] ?? environment["AWS_ENDPOINT_URL"];
    const blobs = new S3Blobs(client, bucketUrl(bucket, region, endpoint), prefix);
    await blobs.page("", 1);
    return blobs;
  }

  async length(sha256: string): Promise<number | null> {
    if (!SHA256_HEX.test(sha256)) return null;
    const known = this.lengths.get(sha256);
    if (known !== undefined) return known;
    const response = await this.ask("HEAD", this.objectUrl(sha256));
    if (response === null) return null;
    const length = Number(response.headers.get("content-length"));
    this.remember(sha256, length);
    return length;
  }

  stream(sha256: string, start: number, end: number): Readable {
    return Readable.from(this.chunks(sha256, start, end), { objectMode: false });
  }

  private async *chunks(sha256: string, start: number, end: number): AsyncGenerator<Uint8Array> {
    const range = `bytes=${start}-${end}`;
    const response = await this.ask("GET", this.objectUrl(sha256), { headers: { range } });
    if (response?.body == null) throw gone(sha256);
    if (response.status !== 206 && start > 0)
      throw unexpected("GET", `${response.status} instead of a range`);
    yield* response.body as unknown as AsyncIterable<Uint8Array>;
  }

  async read(sha256: string): Promise<Uint8Array> {
    const response = await this.ask("GET", this.objectUrl(sha256));
    if (response === null) throw gone(sha256);
    const bytes = new Uint8Array(await response.arrayBuffer());
    checkDigest(sha256, bytes);
    return bytes;
  }

  async list(): Promise<string[]> {
    const all: string[] = [];
    for (let after = ""; ; ) {
      const { names, isLast } = await this.page(after, 1000);
      all.push(...names);
      if (isLast || names.length === 0) return all.filter((name) => SHA256_HEX.test(name));
      after = names.at(-1)!;
    }
  }

  async put(sha256: string, bytes: Uint8Array): Promise<void> {
    checkDigest(sha256, bytes);
    if ((await this.length(sha256)) === bytes.length) return;
    const headers = {
      "content-type": "application/octet-stream",
      // Signed: the storage refuses bytes of another digest.
      "x-amz-content-sha256": createHash("sha256").update(bytes).digest("hex"),
    };
    const response = await this.ask("PUT", this.objectUrl(sha256), { headers, body: bytes });
    await response?.arrayBuffer();
    if (response === null) throw unexpected("PUT", "404: no such bucket");
    this.remember(sha256, bytes.length);
  }

  /** Names below the prefix, in their order; those of a thousand at most. */
  private async page(after: string, count: number): Promise<{ names: string[]; isLast: boolean }> {
    const query = new URLSearchParams({
      "list-type": "2",
      "max-keys": String(count),
      ...(this.prefix === "" ? {} : { prefix: this.prefix }),
      ...(after === "" ? {} : { "start-after": `${this.prefix}${after}` }),
    });
    const response = await this.ask("GET", `${this.bucketUrl}?${query}`);
    if (response === null) throw unexpected("GET", "404: no such bucket");
    const xml = await response.text();
    // What is looked for has no character that XML would write in another way.
    const names = [...xml.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key]) =>
      key!.slice(key!.lastIndexOf("/") + 1),
    );
    return { names, isLast: !/<IsTruncated>true<\/IsTruncated>/.test(xml) };
  }

  /** @returns null for 404. @throws StoreError for whatever else is no success. */
  private async ask(
    method: "GET" | "HEAD" | "PUT",
    url: string,
    more: { headers?: Record<string, string>; body?: Uint8Array } = {},
  ): Promise<Response | null> {
    const signal = AbortSignal.timeout(S3_LIMITS.answerTimeoutMs);
    let response: Response;
    try {
      response = await this.client.fetch(url, { method, signal, ...(more as RequestInit) });
    } catch (cause) {
      const reason =
        cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause);
      throw unexpected(method, reason, cause);
    }
    if (response.ok) return response;
    const text = method === "HEAD" ? "" : await response.text();
    if (response.status === 404) return null;
    const code = /<Code>([A-Za-z]{1,64})<\/Code>/.exec(text)?.[1] ?? "";
    throw unexpected(method, `${response.status} ${code}`.trim());
  }

  private objectUrl(sha256: string): string {
    return `${this.bucketUrl}${encodeURI(this.prefix)}${sha256}`;
  }

  private remember(sha256: string, length: number): void {
    if (this.lengths.size >= S3_LIMITS.maxLengths) this.lengths.delete(this.lengths.keys().next().value!);
    this.lengths.set(sha256, length);
  }
}

function parsePlace(place: string): { bucket: string; prefix: string } {
  const match = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([A-Za-z0-9._/-]*))?$/.exec(place);
  if (match !== null) {
    const path = (match[2] ?? "").replace(/\/+$/, "");
    return { bucket: match[1]!, prefix: path === "" ? "" : `${path}/` };
  }
  throw new ConfigError({
    expected: "a bucket as s3://name or s3://name/prefix, of letters, digits, dots and hyphens",
    got: place.slice(0, 100),
    todo: "Endpoint, region and credentials go into the environment (AWS_ENDPOINT_URL_S3, AWS_REGION, …).",
  });
}

/** With a slash at its end. By path where an endpoint is named, since most of them know no bucket by host name. */
function bucketUrl(bucket: string, region: string, endpoint: string | undefined): string {
  if (endpoint === undefined) return `https://${bucket}.s3.${region}.amazonaws.com/`;
  const url = URL.canParse(endpoint) ? new URL(endpoint) : null;
  if (url?.protocol === "https:" || (url?.protocol === "http:" && isLoopback(url.hostname))) {
    return `${url.origin}/${bucket}/`;
  }
  throw new ConfigError({
    expected: "an https endpoint in AWS_ENDPOINT_URL_S3, or http to this machine",
    got: endpoint.slice(0, 100),
    todo: "Give the storage TLS.",
  });
}

function gone(sha256: string): StoreError {
  return unexpected("GET", `404 for blob ${sha256}`);
}

function unexpected(method: string, reason: string, cause?: unknown): StoreError {
  return new StoreError({
    expected: `the bucket to answer ${method}`,
    got: reason,
    todo: "See to the storage, its endpoint and credentials; the server goes on by itself once it answers.",
    ...(cause === undefined ? {} : { cause }),
  });
}
