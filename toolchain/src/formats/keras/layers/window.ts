import type { Padding } from "../../../graph/graph.js";
import type { LayerContext } from "../importer.js";

/** Height and width of a field that sequences give one number for: they are images of height 1. */
export function pairOf(
  context: LayerContext,
  key: string,
  isSequence: boolean,
  byDefault?: number,
): [number, number] {
  const [first, second] = context.config.lengths(key, isSequence ? 1 : 2, byDefault);
  return isSequence ? [1, first!] : [first!, second!];
}

/** Elements before and after one axis, as TensorFlow resolves "same", "valid" and "causal". */
export function paddingOf(
  context: LayerContext,
  size: readonly [number, number],
  strides: readonly [number, number],
  extents: readonly [number, number],
): Padding {
  const mode = context.config.string("padding", "valid").toLowerCase();
  const around = (axis: 0 | 1): [number, number] => {
    if (mode === "valid") return [0, 0];
    if (mode === "causal") return axis === 1 ? [extents[1] - 1, 0] : [0, 0];
    const outputs = Math.ceil(size[axis] / strides[axis]);
    const total = Math.max((outputs - 1) * strides[axis] + extents[axis] - size[axis], 0);
    return [total >> 1, total - (total >> 1)];
  };
  if (mode !== "same" && mode !== "valid" && mode !== "causal") {
    throw context.config.fault("padding", "same, valid or causal", mode);
  }
  const [[top, bottom], [left, right]] = [around(0), around(1)];
  return { top, bottom, left, right };
}

/** Channels-first models run nowhere but on a GPU; TensorFlow itself refuses them elsewhere. */
export function refuseChannelsFirst({ config }: LayerContext): void {
  config.refuse(
    config.string("data_format", "channels_last").replaceAll("_", "").toLowerCase() === "channelsfirst",
    'data_format "channels_first"',
    "Build the model with channels_last.",
  );
}
