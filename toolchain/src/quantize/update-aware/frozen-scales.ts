/** How far, as a share of the old range, new weights may fall short of it or exceed it before its scale moves. */
const LEAST_USE = 0.25;
const MOST_USE = 1.02;

/**
 * Scales of the new weights as small steps from the old ones, s_new = f32(s_old * f32(1 + r / 256)), because that is what
 * a patch can say in a byte. A scale stays (r = 0) while the new weights fit it and use at least a quarter of it: moving it
 * would change every code of the channel.
 */
export function frozenScales(
  old: Float32Array,
  greatest: ArrayLike<number>,
): { scale: Float32Array; moved: number } {
  let moved = 0;
  const scale = old.map((s, channel) => {
    const use = greatest[channel]! / (127 * s);
    if (greatest[channel] === 0 || (use >= LEAST_USE && use <= MOST_USE)) return s;
    moved++;
    const r = Math.min(Math.max(Math.ceil((use - 1) * 256), -250), 65535);
    return Math.fround(s * Math.fround(1 + r / 256));
  });
  return { scale, moved };
}
