import { constants } from "node:fs";
import { type FileHandle, open, readdir, readFile, unlink } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { whatCame } from "@mote/protocol";
import { makeFolder } from "@mote/protocol/node";
import { StoreError } from "../errors.js";

/** One acknowledged message as it came. */
export interface LoggedFrame {
  readonly deviceId: string;
  /** Tells a device that enrolled anew from its former self, whose frames had other numbers. */
  readonly enrolledAtMs: number;
  readonly arrivedAtMs: number;
  readonly payload: Uint8Array;
}

interface Waiting {
  readonly record: Buffer;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/** Bytes before a record's body: its length and CRC-32. */
const HEAD_BYTES = 8;
/** enrolledAtMs, arrivedAtMs, length of the id. */
const FIXED_BYTES = 8 + 8 + 1;
/**
 * So many frames are a group worth its fsync; fewer wait one turn of the event loop for what the sockets deliver in it.
 * With thousands of connections that turn has no end while more come in than are done: libuv reads on and on before it
 * gives other work its turn, and a group that waited for that would hold up every acknowledgement.
 */
const FULL_GROUP = 64;
const SEGMENT = /^(\d{10})\.frames$/;

/**
 * An append-only log in files of its own: a disk does some hundred fsyncs a second, and a database spends ten times the
 * processor on a row that a log spends on a record. Whatever waits goes into one write and one fdatasync, and only then
 * is any of it done. A segment is dropped when the store holds what it says.
 */
export class FrameLog {
  private waiting: Waiting[] = [];
  private working: Promise<void> | null = null;
  private length = 0;
  private seam: (() => void) | null = null;
  /** Ends the wait for a fuller group. */
  private begin: (() => void) | null = null;

  private constructor(
    private readonly folder: string,
    private segment: number,
    private file: FileHandle,
  ) {}

  /** Opens the log in `folder` for appending, behind what it holds. @throws StoreError */
  static async open(folder: string): Promise<FrameLog> {
    try {
      await makeFolder(folder, 0o700);
      const next = Math.max(0, ...(await segmentsIn(folder))) + 1;
      return new FrameLog(folder, next, await create(folder, next));
    } catch (cause) {
      throw notWritable(folder, cause);
    }
  }

  /**
   * `done` is called when the frame is on the disk, in the turn in which it gets there; `failed` when it is not there:
   * whoever sent it will send it again.
   */
  append(frame: LoggedFrame, done: () => void, failed: (error: unknown) => void): void {
    this.waiting.push({ record: encode(frame), done, failed });
    if (this.waiting.length >= FULL_GROUP) this.begin?.();
    this.working ??= this.work();
  }

  /**
   * Ends the current segment and starts the next. `atSeam` runs between the last frame of the one and the first of the
   * other, so that the caller can take what belongs to the ended segments.
   *
   * @returns the number of the ended segment.
   */
  async rotate(atSeam: () => void): Promise<number> {
    const next = await create(this.folder, this.segment + 1).catch((cause: unknown) => {
      throw notWritable(this.folder, cause);
    });
    // Under load there is always something waiting: the seam has its turn between two groups.
    const ended = await new Promise<FileHandle>((resolve) => {
      this.seam = () => {
        const before = this.file;
        this.file = next;
        this.segment++;
        this.length = 0;
        atSeam();
        resolve(before);
      };
      this.working ??= this.work();
    });
    await ended.close();
    return this.segment - 1;
  }

  /** Removes all segments up to `last`: what they say is stored elsewhere. */
  async drop(last: number): Promise<void> {
    for (const segment of await segmentsIn(this.folder))
      if (segment <= last) await unlink(join(this.folder, nameOf(segment)));
  }

  /** Everything in the segments before the current one, oldest first. A record that a crash cut short ends its segment. */
  async *past(): AsyncGenerator<LoggedFrame> {
    for (const segment of await segmentsIn(this.folder))
      if (segment < this.segment) yield* decode(await readFile(join(this.folder, nameOf(segment))));
  }

  async close(): Promise<void> {
    while (this.working !== null) await this.working;
    await this.file.close();
  }

  private async work(): Promise<void> {
    while (this.waiting.length > 0 || this.seam !== null) {
      this.seam?.();
      this.seam = null;
      if (this.waiting.length < FULL_GROUP) await this.joining();
      const group = this.waiting;
      this.waiting = [];
      if (group.length > 0) await this.commit(group);
    }
    this.working = null;
  }

  /** Resolves in the next turn of the event loop, or when a group is full. */
  private joining(): Promise<void> {
    return new Promise((resolve) => {
      const turn = setImmediate(() => this.begin?.());
      this.begin = () => {
        this.begin = null;
        clearImmediate(turn);
        resolve();
      };
    });
  }

  private async commit(group: readonly Waiting[]): Promise<void> {
    const bytes = Buffer.concat(group.map(({ record }) => record));
    try {
      await this.write(bytes);
      await this.file.datasync();
      this.length += bytes.length;
      for (const { done } of group) done();
    } catch (cause) {
      const error = notWritable(this.folder, cause);
      // A part of the group may have reached the file; the next group is written over it.
      await this.file.truncate(this.length).catch(() => undefined);
      // Those behind it too: frames of one device must not be taken out of their order.
      for (const { failed } of [...group, ...this.waiting.splice(0)]) failed(error);
    }
  }

  /** A disk that fills up takes a part, says so, and refuses the rest at the next attempt. */
  private async write(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      at += (await this.file.write(bytes, at, bytes.length - at, this.length + at)).bytesWritten;
    }
  }
}

const nameOf = (segment: number): string => `${String(segment).padStart(10, "0")}.frames`;

async function segmentsIn(folder: string): Promise<number[]> {
  const names = (await readdir(folder)).map((name) => SEGMENT.exec(name)?.[1]);
  return names
    .filter((digits) => digits !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
}

async function create(folder: string, segment: number): Promise<FileHandle> {
  const file = await open(
    join(folder, nameOf(segment)),
    constants.O_CREAT | constants.O_WRONLY | constants.O_TRUNC,
    0o600,
  );
  // The name must survive a power cut as the bytes do.
  const entry = await open(folder, "r");
  await entry.sync();
  await entry.close();
  return file;
}

function encode({ deviceId, enrolledAtMs, arrivedAtMs, payload }: LoggedFrame): Buffer {
  const id = Buffer.from(deviceId);
  const record = Buffer.allocUnsafe(HEAD_BYTES + FIXED_BYTES + id.length + payload.length);
  record.writeUInt32LE(record.length - HEAD_BYTES, 0);
  record.writeDoubleLE(enrolledAtMs, HEAD_BYTES);
  record.writeDoubleLE(arrivedAtMs, HEAD_BYTES + 8);
  record.writeUInt8(id.length, HEAD_BYTES + 16);
  id.copy(record, HEAD_BYTES + FIXED_BYTES);
  record.set(payload, HEAD_BYTES + FIXED_BYTES + id.length);
  record.writeUInt32LE(crc32(record.subarray(HEAD_BYTES)), 4);
  return record;
}

function* decode(bytes: Buffer): Generator<LoggedFrame> {
  let at = 0;
  while (at + HEAD_BYTES + FIXED_BYTES <= bytes.length) {
    const length = bytes.readUInt32LE(at);
    const body = bytes.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length);
    if (body.length < length || length < FIXED_BYTES || crc32(body) !== bytes.readUInt32LE(at + 4)) return;
    const idEnd = FIXED_BYTES + body.readUInt8(16);
    yield {
      deviceId: body.toString("utf8", FIXED_BYTES, idEnd),
      enrolledAtMs: body.readDoubleLE(0),
      arrivedAtMs: body.readDoubleLE(8),
      payload: body.subarray(idEnd),
    };
    at += HEAD_BYTES + length;
  }
}

function notWritable(folder: string, cause: unknown): StoreError {
  return new StoreError({
    expected: `to write telemetry to ${folder}`,
    got: whatCame(cause),
    todo: "Free space on the disk or mend it; devices keep what is not acknowledged, and send it again.",
    cause,
  });
}
