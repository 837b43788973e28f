import type { CFunction } from "../step.js";
import { DOT, DOT_PAIR } from "./requantize.js";

/** What a turn of the loop over output channels works on. */
export interface ChannelTurn {
  /** Two channels, `w` and `w + rowBytes`; otherwise the one that is left over. */
  readonly isPair: boolean;
}

/** The dot products that a loop over `outDepth` channels calls. */
export function dotsFor(outDepth: number, arePairsWhole = true): CFunction[] {
  if (!arePairsWhole) return [DOT];
  return [...(outDepth > 1 ? [DOT_PAIR] : []), ...(outDepth % 2 === 1 ? [DOT] : [])];
}

/**
 * C text: channels in pairs, then an odd last one. `sum` adds to acc[0] and acc[1] from weights `w`; the code of channel
 * `o` is stored to `store`. Expects w, channels and edges in scope, at an indentation of 8.
 */
export function channelLoop(
  outDepth: number,
  rowBytes: number,
  sum: (turn: ChannelTurn) => string,
  store: string,
  arePairsWhole = true,
): string {
  const finish = (k: number): string =>
    `                const int32_t code${k} = requantize(acc[${k}], channels[o + ${k}].multiplier, channels[o + ${k}].shift) + edges->output_zero_point;
                ${store} = clamp_code(code${k}, edges->low, edges->high);
`;
  if (!arePairsWhole)
    return `            for (int32_t o = 0; o < ${outDepth}; o++, w += ${rowBytes}) {
                int32_t acc[1] = {channels[o].bias};
${sum({ isPair: false })}${finish(0)}            }
`;
  const even = outDepth - (outDepth % 2);
  const pairs = `            for (int32_t o = 0; o < ${even}; o += 2, w += ${2 * rowBytes}) {
                int32_t acc[2] = {channels[o].bias, channels[o + 1].bias};
${sum({ isPair: true })}${finish(0)}${finish(1)}            }
`;
  const last = `            {
                const int32_t o = ${even};
                int32_t acc[1] = {channels[o].bias};
${sum({ isPair: false })}${finish(0)}            }
`;
  return `${even > 0 ? pairs : ""}${outDepth % 2 === 1 ? last : ""}`;
}
