import { DataError } from "../errors.js";
import type { Recording } from "./recording.js";

/** RIFF WAVE, PCM of 8, 16 or 32 bits or 32-bit float; channels are averaged. [samples, 1] in -1..1. */
export function decodeWav(bytes: Uint8Array, path: string): Recording {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tag = (at: number): string => String.fromCharCode(...bytes.subarray(at, at + 4));
  if (bytes.length < 12 || tag(0) !== "RIFF" || tag(8) !== "WAVE") throw refuse(path, "no RIFF WAVE header");
  let format: { code: number; channels: number; bits: number } | null = null;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const length = view.getUint32(at + 4, true);
    if (tag(at) === "fmt " && at + 24 <= bytes.length) {
      format = {
        code: view.getUint16(at + 8, true),
        channels: view.getUint16(at + 10, true),
        bits: view.getUint16(at + 22, true),
      };
    } else if (tag(at) === "data" && format !== null) {
      return samples(view, at + 8, Math.min(length, bytes.length - at - 8), format, path);
    }
    at += 8 + length + (length & 1);
  }
  throw refuse(path, "no format or data chunk");
}

function samples(
  view: DataView,
  start: number,
  length: number,
  { code, channels, bits }: { code: number; channels: number; bits: number },
  path: string,
): Recording {
  const read = reader(view, code, bits);
  if (read === null || channels === 0)
    throw refuse(path, `format ${code} with ${bits} bits, ${channels} channels`);
  const frame = (bits / 8) * channels;
  const count = Math.floor(length / frame);
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += read(start + i * frame + c * (bits / 8));
    values[i] = sum / channels;
  }
  return { shape: [count, 1], values, isSequence: true };
}

function reader(view: DataView, code: number, bits: number): ((at: number) => number) | null {
  if (code === 3 && bits === 32) return (at) => view.getFloat32(at, true);
  if (code !== 1) return null;
  if (bits === 8) return (at) => (view.getUint8(at) - 128) / 128;
  if (bits === 16) return (at) => view.getInt16(at, true) / 32768;
  if (bits === 32) return (at) => view.getInt32(at, true) / 2 ** 31;
  return null;
}

function refuse(path: string, got: string): DataError {
  return new DataError({
    expected: `a WAV file (PCM of 8, 16 or 32 bits, or 32-bit float) in "${path}"`,
    got,
    todo: "Convert it, for instance with ffmpeg -c:a pcm_s16le.",
  });
}
