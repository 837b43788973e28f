import { PLAIN_FORM } from "@mote/protocol";
import type { Channel } from "../arithmetic.js";
import type { ParamOffset, ParamWriter } from "../params.js";
import type { CFunction } from "../step.js";
import { REQUANTIZING } from "./requantize.js";

/**
 * Rows of weights times a vector of inputs: what every convolution and dense layer of the portable family comes down to.
 * Inputs are gathered as code + 128; weights stand 128 up and four rows lie interleaved, so that one loaded input meets
 * four weights at constant offsets from one pointer. Thumb-1 can load a byte so only without its sign.
 */

/** Inputs per turn of the inner loop; vectors are padded to a multiple. */
const TURN_INPUTS = 8;
const ROWS = 4;

export const paddedInputs = (taps: number): number => Math.ceil(taps / TURN_INPUTS) * TURN_INPUTS;

/** Weights of `channels` (each of `taps` weights) four rows at a time: [row group][input][row]. */
export function writeRows(params: ParamWriter, channels: readonly Channel[], taps: number): ParamOffset {
  const inputs = paddedInputs(taps);
  const bytes = new Uint8Array(Math.ceil(channels.length / ROWS) * ROWS * inputs).fill(128);
  channels.forEach(({ weights }, row) => {
    const base = Math.floor(row / ROWS) * ROWS * inputs + (row % ROWS);
    weights.forEach((weight, input) => {
      bytes[base + input * ROWS] = weight + 128;
    });
  });
  return params.bytes(bytes, {
    rowBytes: ROWS * inputs,
    form: { ...PLAIN_FORM, channels: ROWS, isLifted: true },
  });
}

/** Bytes that `writeRows` takes for this many channels. */
export const rowsBytes = (channels: number, taps: number): number =>
  Math.ceil(channels / ROWS) * ROWS * paddedInputs(taps);

/**
 * Bias with both offsets folded in: inputs are code + 128, so sum(w * (u - 128 - zero point)) is what is asked for. What
 * the weights stand too high, 128 times the sum of the inputs, the kernel takes off.
 */
export function rowBias(channel: Channel, inputZeroPoint: number): number {
  let sum = 0;
  for (const weight of channel.weights) sum += weight;
  return channel.bias - (inputZeroPoint + 128) * sum;
}

const GATHER: CFunction = {
  name: "gather",
  source: `/* n codes + 128 to \`to\`; gives their sum. */
static uint32_t gather(const int8_t *from, uint8_t *to, int32_t n) {
    const uint8_t *codes = (const uint8_t *)from;
    uint32_t total = 0;
    for (; n >= 4; n -= 4, codes += 4, to += 4) {
        total += to[0] = codes[0] ^ 0x80u;
        total += to[1] = codes[1] ^ 0x80u;
        total += to[2] = codes[2] ^ 0x80u;
        total += to[3] = codes[3] ^ 0x80u;
    }
    for (; n > 0; n--) {
        total += *to++ = *codes++ ^ 0x80u;
    }
    return total;
}
`,
};

const DOT4: CFunction = {
  name: "dot4",
  source: `#if defined(__GNUC__) && defined(__thumb__) && !defined(__thumb2__)
/* GCC would regroup the sums and run out of Thumb-1's eight registers. */
#define KEEP_SUM(sum) __asm("" : "+l"(sum))
#else
#define KEEP_SUM(sum) (void)(sum)
#endif

/* sums[r] += x . row r, for 4 interleaved rows of weights; n is a multiple of ${TURN_INPUTS}. */
#if defined(__GNUC__)
__attribute__((noinline))
#endif
static void dot4(const uint8_t *x, const uint8_t *w, int32_t n, uint32_t sums[4]) {
    const uint8_t *const end = x + n;
    uint32_t a = sums[0], b = sums[1], c = sums[2], d = sums[3], t;
#define TAP(k) \\
    t = x[k]; \\
    a += t * w[4 * k]; \\
    KEEP_SUM(a); \\
    b += t * w[4 * k + 1]; \\
    KEEP_SUM(b); \\
    c += t * w[4 * k + 2]; \\
    KEEP_SUM(c); \\
    d += t * w[4 * k + 3]; \\
    KEEP_SUM(d)
    do {
${Array.from({ length: TURN_INPUTS }, (_, k) => `        TAP(${k});\n`).join("")}        x += ${TURN_INPUTS};
        w += ${4 * TURN_INPUTS};
    } while (x != end);
#undef TAP
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
    sums[3] = d;
}
`,
};

const rowsKernel = (requantize: string): CFunction => ({
  name: `rows_${requantize}`,
  source: `/* Codes of \`count\` channels from n inputs (code + 128) that add up to total. Weights stand 128 up: 128 totals come off. */
static void rows_${requantize}(const uint8_t *x, uint32_t total, int32_t n, const uint8_t *w, const channel_t *channel, int32_t count, const edges_t *edges, int8_t *out) {
    const uint32_t start = 0u - (total << 7);
    const int32_t low = edges->low, span = edges->high - low, above_low = edges->output_zero_point - low;
    for (; count > 0; count -= 4, w += 4 * n) {
        uint32_t sums[4] = {start, start, start, start};
        dot4(x, w, n, sums);
        const uint32_t *sum = sums;
        const int8_t *const end = out + (count < 4 ? count : 4);
        do {
            const int32_t all = (int32_t)(*sum++ + (uint32_t)channel->bias);
            const int32_t code = ${requantize}(all, channel->multiplier, channel->shift) + above_low;
            const int32_t under = span - not_negative(code);
            *out++ = (int8_t)(low + span - not_negative(under));
            channel++;
        } while (out != end);
    }
}
`,
});

/** The functions behind a layer's rows; the last is the one to call, `rows_…`. */
export const rowsFunctions = (requantize: string): CFunction[] => [
  ...REQUANTIZING,
  GATHER,
  DOT4,
  rowsKernel(requantize),
];
