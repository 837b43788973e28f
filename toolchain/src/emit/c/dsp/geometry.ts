import type { Tensor, Window2d } from "../../../graph/graph.js";

/**
 * Planes: the layout between the kernels of the DSP family. A tensor [1, H, W, C] lies channel by channel; an element is
 * code + 128, unsigned, so that padding with the zero point of a ReLU's output is 0 and no offset is left in a loop.
 * Planes are stored with the longer run inside: rows (y outside, x inside) or, where `isTurned`, columns.
 */
export interface Planes {
  readonly major: number;
  readonly minor: number;
  readonly channels: number;
  /** Bytes from one channel to the next: a multiple of 4 with room for a group of 4 that starts at the last pixel. */
  readonly stride: number;
  /** Bytes from one row to the next: `minor`, except where rows of all channels lie together. */
  readonly rowBytes: number;
  readonly isTurned: boolean;
}

export function planesOf(tensor: Tensor, isTurned: boolean): Planes {
  const [height, width, channels] =
    tensor.shape.length === 4
      ? [tensor.shape[1]!, tensor.shape[2]!, tensor.shape[3]!]
      : [1, 1, tensor.shape.reduce((a, b) => a * b, 1)];
  const [major, minor] = isTurned ? [width, height] : [height, width];
  const pixels = major * minor;
  const slack = minor % 4 === 0 || major === 1 ? 0 : 3;
  const stride = pixels === 1 ? 1 : Math.ceil((pixels + slack) / 4) * 4;
  return { major, minor, channels, stride, rowBytes: minor, isTurned };
}

/** The same with the rows of all channels together, row by row: what an input that dies row by row can be written over. */
export function withRowsTogether(planes: Planes): Planes {
  return { ...planes, stride: planes.minor, rowBytes: planes.minor * planes.channels };
}

/** An even number of planes: kernels work on channel pairs and may write one that nobody reads. */
export function planesBytes({ major, minor, channels, stride, rowBytes }: Planes): number {
  if (rowBytes !== minor) return major * rowBytes;
  return stride === 1 ? Math.ceil(channels / 4) * 4 : Math.ceil(channels / 2) * 2 * stride;
}

/** A window in terms of major and minor. */
export interface TurnedWindow {
  readonly kernelMajor: number;
  readonly kernelMinor: number;
  readonly strideMajor: number;
  readonly strideMinor: number;
  readonly beforeMajor: number;
  readonly beforeMinor: number;
}

export function turnWindow(
  kernelH: number,
  kernelW: number,
  { strideH, strideW, padding }: Window2d,
  isTurned: boolean,
): TurnedWindow {
  return isTurned
    ? {
        kernelMajor: kernelW,
        kernelMinor: kernelH,
        strideMajor: strideW,
        strideMinor: strideH,
        beforeMajor: padding.left,
        beforeMinor: padding.top,
      }
    : {
        kernelMajor: kernelH,
        kernelMinor: kernelW,
        strideMajor: strideH,
        strideMinor: strideW,
        beforeMajor: padding.top,
        beforeMinor: padding.left,
      };
}
