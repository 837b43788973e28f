import { CONFIDENCE_BINS, type Manifest, type TensorSpec, tensorBytes } from "@mote/protocol";

/** From a sensor's floats to the model's bytes, and from its output bytes to what the device may do with them. */

export function elements(spec: TensorSpec): number {
  return spec.shape.reduce((product, dim) => product * dim, 1);
}

/** Applies the bundle's preprocessing and lays the sample out as the raw tensor of `spec` (batch of one). */
export function toInput(
  values: Float32Array,
  preprocessing: Manifest["preprocessing"],
  spec: TensorSpec,
): Uint8Array {
  const real = Float32Array.from(values);
  for (const step of preprocessing) {
    for (let i = 0; i < real.length; i++) real[i] = (real[i]! - step.mean) / step.std;
  }
  const bytes = new Uint8Array(tensorBytes(spec));
  const view = new DataView(bytes.buffer);
  const { scale = 1, zeroPoint = 0 } = spec;
  for (let i = 0; i < real.length; i++) {
    if (spec.dtype === "float32") view.setFloat32(4 * i, real[i]!, true);
    else {
      const code = roundHalfAway(real[i]! / scale) + zeroPoint;
      if (spec.dtype === "int8") view.setInt8(i, Math.min(127, Math.max(-128, code)));
      else if (spec.dtype === "uint8") view.setUint8(i, Math.min(255, Math.max(0, code)));
      else view.setInt16(2 * i, Math.min(32767, Math.max(-32768, code)), true);
    }
  }
  return bytes;
}

/** As every quantizer of the field rounds; `Math.round` does not, for negative halves. */
function roundHalfAway(value: number): number {
  return Math.sign(value) * Math.round(Math.abs(value));
}

/** The output tensor in real numbers. */
export function toReal(output: Uint8Array, spec: TensorSpec): Float32Array {
  const codes = toCodes(output, spec);
  if (spec.dtype === "float32") return codes;
  const { scale = 1, zeroPoint = 0 } = spec;
  return codes.map((code) => scale * (code - zeroPoint));
}

/** The output tensor in its own unit: the one in which a golden vector's tolerance is stated. */
export function toCodes(output: Uint8Array, spec: TensorSpec): Float32Array {
  const view = new DataView(output.buffer, output.byteOffset, output.byteLength);
  const out = new Float32Array(elements(spec));
  for (let i = 0; i < out.length; i++) {
    switch (spec.dtype) {
      case "float32":
        out[i] = view.getFloat32(4 * i, true);
        break;
      case "int8":
        out[i] = view.getInt8(i);
        break;
      case "uint8":
        out[i] = view.getUint8(i);
        break;
      case "int16":
        out[i] = view.getInt16(2 * i, true);
        break;
    }
  }
  return out;
}

export interface Judgement {
  /** Index of the greatest output. */
  readonly top: number;
  /** Share that the model gives to it, in [0, 1]. */
  readonly confidence: number;
  /** False when the output lies outside the bundle's safety envelope: the device must not act on it. */
  readonly mayAct: boolean;
}

/** Null when the output holds no number to judge (NaN or infinite): such an inference is an error. */
export function judge(output: Float32Array, minConfidence: number): Judgement | null {
  if (output.length === 0 || output.some((value) => !Number.isFinite(value))) return null;
  let top = 0;
  for (let i = 1; i < output.length; i++) if (output[i]! > output[top]!) top = i;
  const confidence = isDistribution(output) ? Math.min(1, output[top]!) : softmaxAt(output, top);
  return { top, confidence, mayAct: confidence >= minConfidence };
}

/** A quantized softmax sums to one only within a few codes. */
const DISTRIBUTION_SLACK = 0.05;

function isDistribution(output: Float32Array): boolean {
  if (output.length < 2) return false;
  const sum = output.reduce((total, value) => total + value, 0);
  return Math.abs(sum - 1) <= DISTRIBUTION_SLACK && output.every((value) => value >= 0);
}

function softmaxAt(output: Float32Array, top: number): number {
  return 1 / output.reduce((sum, value) => sum + Math.exp(value - output[top]!), 0);
}

export function confidenceBin(confidence: number): number {
  return Math.min(CONFIDENCE_BINS - 1, Math.floor(confidence * CONFIDENCE_BINS));
}
