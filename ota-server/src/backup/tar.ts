import type { FileHandle } from "node:fs/promises";
import { DamagedBackupError } from "../errors.js";

/** POSIX ustar (IEEE 1003.1, pax), as much of it as plain files need: any `tar` lists and unpacks what is written here. */

const BLOCK = 512;
const MAGIC = "ustar\u000000";
/** Eleven octal digits. */
const MAX_LENGTH = 8 ** 11 - 1;

export class TarWriter {
  private readonly file: FileHandle;
  private readonly atS: number;

  constructor(file: FileHandle, atMs: number) {
    this.file = file;
    this.atS = Math.floor(atMs / 1000);
  }

  /** @param chunks exactly `length` bytes. */
  async add(
    name: string,
    length: number,
    chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<void> {
    if (length > MAX_LENGTH || Buffer.byteLength(name) > 100)
      throw new Error(`${name} does not fit into a tar file`);
    await this.file.writeFile(header(name, length, this.atS));
    let written = 0;
    for await (const chunk of chunks) {
      await this.file.writeFile(chunk);
      written += chunk.length;
    }
    if (written !== length) throw new Error(`${name} has ${written} bytes instead of ${length}`);
    await this.file.writeFile(new Uint8Array(padding(length)));
  }

  async end(): Promise<void> {
    await this.file.writeFile(new Uint8Array(2 * BLOCK));
  }
}

export interface TarEntry {
  readonly name: string;
  readonly length: number;
  /** Offset of its first byte in the file. */
  readonly at: number;
}

/** What is in the file, in its order. Throws DamagedBackupError where it breaks off or is no tar file. */
export async function listTar(file: FileHandle): Promise<TarEntry[]> {
  const { size } = await file.stat();
  const entries: TarEntry[] = [];
  const block = Buffer.alloc(BLOCK);
  for (let at = 0; at + BLOCK <= size; ) {
    await file.read(block, 0, BLOCK, at);
    if (block.every((byte) => byte === 0)) return entries;
    const length = Number.parseInt(block.toString("latin1", 124, 135), 8);
    const end = at + BLOCK + length + padding(length);
    if (checksum(block) !== Number.parseInt(block.toString("latin1", 148, 154), 8) || !(end <= size)) break;
    const name = block.toString("utf8", 0, block.indexOf(0) === -1 ? 100 : Math.min(100, block.indexOf(0)));
    entries.push({ name, length, at: at + BLOCK });
    at = end;
  }
  throw new DamagedBackupError({
    expected: "a whole backup, as `mote-server backup` writes it",
    got: `a file that breaks off or is something else, after ${entries.length} entries`,
    todo: "Take another copy of the backup.",
  });
}

const READ_BYTES = 1 << 20;

export async function* readEntry(file: FileHandle, { at, length }: TarEntry): AsyncGenerator<Uint8Array> {
  for (let done = 0; done < length; ) {
    const buffer = Buffer.alloc(Math.min(READ_BYTES, length - done));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at + done);
    if (bytesRead === 0) return;
    done += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

export async function readWhole(file: FileHandle, entry: TarEntry): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of readEntry(file, entry)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function header(name: string, length: number, atS: number): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, "0")}\0`;
  block.write(name, 0, "utf8");
  block.write(octal(0o600, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(length, 11), 124);
  block.write(octal(atS, 11), 136);
  block.write("0", 156);
  block.write(MAGIC, 257, "latin1");
  block.write(`${checksum(block).toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

/** Sum of the header's bytes, its own field counted as blanks. */
function checksum(block: Buffer): number {
  return block.reduce((sum, byte, i) => sum + (i >= 148 && i < 156 ? 32 : byte), 0);
}

function padding(length: number): number {
  return (BLOCK - (length % BLOCK)) % BLOCK;
}
