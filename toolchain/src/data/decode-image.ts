import jpeg from "jpeg-js";
import { PNG } from "pngjs";
import { DataError } from "../errors.js";
import type { Recording } from "./recording.js";

/** Largest image that is decoded; a small file can claim to be a huge one. */
const MAX_PIXELS = 64 * 1024 * 1024;

/** [H, W, C] in 0..1: colour, or luminance (ITU-R BT.601) where the model takes one channel. */
export function decodeImage(bytes: Uint8Array, path: string, channels: number | undefined): Recording {
  const { width, height, data } = decodeRgba(bytes, path);
  const depth = channels === 1 ? 1 : 3;
  const values = new Float32Array(width * height * depth);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const [r, g, b] = [data[pixel * 4]!, data[pixel * 4 + 1]!, data[pixel * 4 + 2]!];
    if (depth === 1) {
      values[pixel] = (r === g && g === b ? r : 0.299 * r + 0.587 * g + 0.114 * b) / 255;
    } else {
      values[pixel * 3] = r / 255;
      values[pixel * 3 + 1] = g / 255;
      values[pixel * 3 + 2] = b / 255;
    }
  }
  return { shape: [height, width, depth], values, isSequence: false };
}

function decodeRgba(bytes: Uint8Array, path: string): { width: number; height: number; data: Uint8Array } {
  try {
    if (bytes[0] === 0x89) {
      const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      if (header.getUint32(16) * header.getUint32(20) > MAX_PIXELS) throw new Error("too many pixels");
      return PNG.sync.read(Buffer.from(bytes));
    }
    return jpeg.decode(bytes, {
      useTArray: true,
      maxResolutionInMP: MAX_PIXELS / 1e6,
      maxMemoryUsageInMB: 512,
    });
  } catch (cause) {
    throw new DataError({
      expected: "a PNG or JPEG image",
      got: `"${path}", which can't be decoded`,
      todo: "Open it in a viewer: it is damaged, too large, or of another format.",
      cause,
    });
  }
}
