import type { Blobs } from "./blobs.js";
import { DiskBlobs } from "./diskBlobs.js";
import { S3Blobs } from "./s3Blobs.js";

/** @param place a folder, or `s3://bucket/prefix`. Throws ConfigError for a bucket that can't be used as it is named. */
export async function openBlobs(place: string): Promise<Blobs> {
  return isBucket(place) ? S3Blobs.open(place, process.env) : DiskBlobs.open(place);
}

export function isBucket(place: string): boolean {
  return place.startsWith("s3://");
}
