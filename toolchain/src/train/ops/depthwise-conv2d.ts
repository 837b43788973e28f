import type { Tensor4D } from "@tensorflow/tfjs";
import type { Training } from "../tensorflow.js";
import type { ConvolutionWindow } from "./conv2d.js";

/**
 * A depthwise convolution with its gradients; x [N, H, W, C], filter [kh, kw, C, m], result [N, OH, OW, C*m] with
 * output channel c*m+j made from input channel c.
 *
 * The WebAssembly backend has neither gradient kernel (DepthwiseConv2dNativeBackpropInput, …Filter). One multiplication
 * per weight and place leaves nothing for a matrix product to win, so both are plain loops here.
 */
export function depthwiseConv2d(
  { tf, backend }: Training,
  x: Tensor4D,
  filter: Tensor4D,
  window: ConvolutionWindow,
): Tensor4D {
  const { strideH, strideW, dilationH, dilationW, padding } = window;
  const forward = (input: Tensor4D, weights: Tensor4D): Tensor4D => {
    // tf.depthwiseConv2d takes no explicit padding.
    const padded = tf.pad(input, [
      [0, 0],
      [padding.top, padding.bottom],
      [padding.left, padding.right],
      [0, 0],
    ]);
    return tf.depthwiseConv2d(padded, weights, [strideH, strideW], "valid", "NHWC", [dilationH, dilationW]);
  };
  if (backend === "node" && dilationH === 1 && dilationW === 1) return forward(x, filter);

  const withGradients = tf.customGrad((...args) => {
    const [input, weights, save] = args as [Tensor4D, Tensor4D, (tensors: Tensor4D[]) => void];
    save([input, weights]);
    return {
      value: forward(input, weights),
      gradFunc: (dy, saved) => {
        const [savedInput, savedWeights] = saved as [Tensor4D, Tensor4D];
        const gradients = backprop(dy as Tensor4D, savedInput, savedWeights, window);
        return [
          tf.tensor4d(gradients.input, savedInput.shape),
          tf.tensor4d(gradients.filter, savedWeights.shape),
        ];
      },
    };
  });
  return withGradients(x, filter) as Tensor4D;
}

function backprop(
  dy: Tensor4D,
  x: Tensor4D,
  filter: Tensor4D,
  window: ConvolutionWindow,
): { input: Float32Array; filter: Float32Array } {
  const { strideH, strideW, dilationH, dilationW, padding } = window;
  const [batch, height, width, channels] = x.shape;
  const [, outHeight, outWidth, outChannels] = dy.shape;
  const [kernelH, kernelW, , multiplier] = filter.shape;
  const xs = x.dataSync();
  const ws = filter.dataSync();
  const dys = dy.dataSync();
  const dx = new Float32Array(xs.length);
  // Sums over the whole batch are kept in double: thousands of terms each.
  const dw = new Float64Array(ws.length);
  for (let n = 0; n < batch; n++) {
    for (let oy = 0; oy < outHeight; oy++) {
      for (let ky = 0; ky < kernelH; ky++) {
        const iy = oy * strideH - padding.top + ky * dilationH;
        if (iy < 0 || iy >= height) continue;
        for (let ox = 0; ox < outWidth; ox++) {
          const from = ((n * outHeight + oy) * outWidth + ox) * outChannels;
          for (let kx = 0; kx < kernelW; kx++) {
            const ix = ox * strideW - padding.left + kx * dilationW;
            if (ix < 0 || ix >= width) continue;
            const at = ((n * height + iy) * width + ix) * channels;
            const weight = (ky * kernelW + kx) * outChannels;
            for (let o = 0, c = 0; c < channels; c++) {
              const value = xs[at + c]!;
              let sum = 0;
              for (let j = 0; j < multiplier; j++, o++) {
                const gradient = dys[from + o]!;
                sum += gradient * ws[weight + o]!;
                dw[weight + o]! += gradient * value;
              }
              dx[at + c]! += sum;
            }
          }
        }
      }
    }
  }
  return { input: dx, filter: Float32Array.from(dw) };
}
