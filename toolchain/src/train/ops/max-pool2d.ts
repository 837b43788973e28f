import type { Tensor4D } from "@tensorflow/tfjs";
import type { OperatorOf } from "../../graph/graph.js";
import type { Training } from "../tensorflow.js";

export type PoolWindow = OperatorOf<"maxPool2d">["attributes"];

/**
 * Max pooling with its gradient; x [N, H, W, C]. Of equal values in a window the first takes the whole gradient, as in
 * TensorFlow. Written as a loop, because the WebAssembly backend's MaxPoolGrad is five times slower and none of the
 * backends pools with explicit padding.
 */
export function maxPool2d({ tf }: Training, x: Tensor4D, window: PoolWindow): Tensor4D {
  const withGradient = tf.customGrad((...args) => {
    const [input] = args as [Tensor4D];
    const { values, winners, shape } = pool(input, window);
    return {
      value: tf.tensor4d(values, shape),
      gradFunc: (dy) => {
        const gradient = new Float32Array(input.size);
        const dys = dy.dataSync();
        for (let i = 0; i < winners.length; i++) gradient[winners[i]!]! += dys[i]!;
        return tf.tensor4d(gradient, input.shape);
      },
    };
  });
  return withGradient(x) as Tensor4D;
}

function pool(
  x: Tensor4D,
  window: PoolWindow,
): { values: Float32Array; winners: Int32Array; shape: [number, number, number, number] } {
  const { kernelH, kernelW, strideH, strideW, padding } = window;
  const [batch, height, width, channels] = x.shape;
  const outHeight = Math.floor((height + padding.top + padding.bottom - kernelH) / strideH) + 1;
  const outWidth = Math.floor((width + padding.left + padding.right - kernelW) / strideW) + 1;
  const xs = x.dataSync();
  const values = new Float32Array(batch * outHeight * outWidth * channels).fill(-Infinity);
  const winners = new Int32Array(values.length);
  for (let n = 0; n < batch; n++) {
    for (let oy = 0; oy < outHeight; oy++) {
      for (let ox = 0; ox < outWidth; ox++) {
        const to = ((n * outHeight + oy) * outWidth + ox) * channels;
        for (let ky = 0; ky < kernelH; ky++) {
          const iy = oy * strideH - padding.top + ky;
          if (iy < 0 || iy >= height) continue;
          for (let kx = 0; kx < kernelW; kx++) {
            const ix = ox * strideW - padding.left + kx;
            if (ix < 0 || ix >= width) continue;
            const from = ((n * height + iy) * width + ix) * channels;
            for (let c = 0; c < channels; c++) {
              if (xs[from + c]! > values[to + c]!) {
                values[to + c] = xs[from + c]!;
                winners[to + c] = from + c;
              }
            }
          }
        }
      }
    }
  }
  return { values, winners, shape: [batch, outHeight, outWidth, channels] };
}
