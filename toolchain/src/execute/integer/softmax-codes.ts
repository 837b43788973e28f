import type { Tensor } from "../../graph/graph.js";
import { requantizeCode } from "./convert.js";
import { type KernelContext, sameAffine } from "./kernel.js";

/**
 * From the codes that the kernel computes to those of the output: the same in TensorFlow Lite, but models from elsewhere
 * scale a softmax otherwise, and then each code is requantized.
 */
export function fromNativeCodes(
  target: Tensor,
  scale: number,
  zeroPoint: number,
  context: KernelContext,
): (code: number) => number {
  const quantization = { scale: Float32Array.of(scale), zeroPoint: Int32Array.of(zeroPoint), axis: null };
  const native = { ...target, quantization };
  return sameAffine(native, target) ? (code) => code : requantizeCode(native, target, context.rounding);
}
