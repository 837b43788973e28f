import type { RowForm } from "@mote/protocol";
import type { Graph, OperatorOf } from "../../../graph/graph.js";
import { type Channel, channelsOf, tensorOf, zeroPointOf } from "../arithmetic.js";
import type { ParamOffset, ParamWriter } from "../params.js";
import type { CFunction, Optimize } from "../step.js";
import {
  constantCode,
  constantLongForm,
  constantShortForm,
  type LongForm,
  longForm,
  PACKED_LIFT,
  proveShortForm,
  reachOf,
  type ShortForm,
  shortShifts,
} from "./proof.js";

/**
 * The matrix kernel: N channels of 4 pixels from a tile of halfwords. Weights of two channels share a halfword,
 * h = 256 w1 + w0, so one SMLAD with h sums 256 S1 + S0 over two taps and one with its sign-extended low bytes sums S0;
 * at the end 256 S1 is their difference. Per tap pair and channel pair: 12 instructions for 16 multiplications.
 */

/**
 * Tap pairs of one turn of the inner loop, as byte offsets of pixel 0's word in the tile (pixel 2 is 8 further). Layers
 * with one label share a kernel: bytes of a plane, turns and pairs to skip are arguments.
 */
export interface TileShape {
  /** Names the kernel: equal labels mean equal offsets. */
  readonly label: string;
  readonly offsets: readonly number[];
  /** Bytes from one turn's part of the tile to the next. */
  readonly advance: number;
  readonly turns: number;
  /** Pairs of the first turn that the tile has not got; undefined where the kernel always begins with the first. */
  readonly skippedPairs?: number;
}

export const tileBytes = ({ advance, turns, skippedPairs }: TileShape): number =>
  advance * turns - 16 * (skippedPairs ?? 0);

/** Tap pairs up to which the inner loop is written out: 12 instructions and 48 bytes of code each. */
export const UNROLLED_PAIRS: Readonly<Record<Optimize, number>> = { speed: 36, balanced: 24, size: 16 };
/** A layer with a smaller share of the model's multiplications does not get a kernel of its own. */
const OWN_KERNEL_SHARE: Readonly<Record<Optimize, number>> = { speed: 0.035, balanced: 0.1, size: 1 };
/** Tap pairs of a turn of the kernel that such layers share. */
const SHARED_PAIRS: Readonly<Record<Optimize, number>> = { speed: 32, balanced: 24, size: 16 };

/** The tile of a layer whose pairs lie one after the other, 4 pixels each. */
export function plainTile(pairs: number, macs: number, optimize: Optimize, allMacs: number): TileShape {
  const isOwn = pairs <= UNROLLED_PAIRS[optimize] && macs >= OWN_KERNEL_SHARE[optimize] * allMacs;
  const perTurn = isOwn ? pairs : SHARED_PAIRS[optimize];
  const turns = Math.ceil(pairs / perTurn);
  return {
    label: `u${perTurn}`,
    offsets: Array.from({ length: perTurn }, (_, i) => 16 * i),
    advance: 16 * perTurn,
    turns,
    ...(isOwn ? {} : { skippedPairs: turns * perTurn - pairs }),
  };
}

export function largestDivisor(value: number, most: number): number {
  for (let divisor = most; divisor > 1; divisor--) if (value % divisor === 0) return divisor;
  return 1;
}

/** How every channel of a layer is brought back to 8 bits. */
export type Requantization =
  | { readonly form: "short"; readonly shift: number; readonly channels: readonly ShortForm[] }
  | { readonly form: "long"; readonly channels: readonly LongForm[] };

/** One output channel in the order of the tile: weights per tap (even count), bias for inputs of code + 128. */
export interface MatrixChannel {
  readonly weights: readonly number[];
  readonly bias: number;
  readonly channel: Channel;
  /** Bits by which the kernel's sums stand up in the short form; PACKED_LIFT where it says nothing. */
  readonly lift?: number;
}

/** Rows of the matrix with taps in the order that `tapsOf` gives: indices into a channel's weights, -1 for a zero. */
export function matrixRows(
  graph: Graph,
  operator: OperatorOf<"conv2d">,
  taps: readonly number[],
): MatrixChannel[] {
  const zeroPoint = zeroPointOf(tensorOf(graph, operator.inputs[0]!));
  return channelsOf(graph, operator).map((channel) => {
    const sum = channel.weights.reduce((a, b) => a + b, 0);
    return {
      channel,
      weights: taps.map((tap) => (tap < 0 ? 0 : channel.weights[tap]!)),
      // Inputs are code + 128: the zero point and the 128 are folded in here.
      bias: channel.bias - (zeroPoint + 128) * sum,
    };
  });
}

/** Rows as they are to be written, and the form that they all have. */
export interface Requantized {
  readonly rows: readonly MatrixChannel[];
  readonly requantization: Requantization;
}

/**
 * null where neither form holds for every channel, or two weights do not fit a halfword. A channel that can only give
 * one code gets zero weights: any multiplier serves it then. `given` is the shift that existing code has compiled in (0
 * for the long form, negative for a kernel of the portable family); nothing else is tried then. `longLift` is where sums stand in the long form.
 */
export function requantizationOf(
  rows: readonly MatrixChannel[],
  zeroPoint: number,
  given?: number,
  longLift: number = PACKED_LIFT,
): Requantized | null {
  if (given !== undefined && given < 0) return null;
  if (rows.some(({ weights }) => weights.some((weight) => weight < -127))) return null;
  const reaches = rows.map(({ weights, bias }) => reachOf(weights, bias));
  const constants = rows.map(({ channel }, index) => constantCode(channel, zeroPoint, reaches[index]!));
  const written = rows.map((row, index) =>
    constants[index] === null ? row : { ...row, weights: row.weights.map(() => 0), bias: 0 },
  );
  const live = rows
    .filter((_, index) => constants[index] === null)
    .map(({ channel, lift }) => ({ real: channel.real, lift: lift ?? PACKED_LIFT }));
  const shifts =
    given === undefined ? (live.length === 0 ? [8] : shortShifts(live)) : given > 0 ? [given] : [];
  for (const shift of shifts) {
    const channels: ShortForm[] = [];
    for (const [index, { channel, lift }] of rows.entries()) {
      const constant = constants[index]!;
      const form =
        constant === null
          ? proveShortForm(channel, zeroPoint, reaches[index]!, shift, lift ?? PACKED_LIFT)
          : constantShortForm(constant, shift);
      if (form === null) break;
      channels.push(form);
    }
    if (channels.length === rows.length)
      return { rows: written, requantization: { form: "short", shift, channels } };
  }
  if (given !== undefined && given > 0) return null;
  const channels = rows.map(({ channel }, index) => {
    const constant = constants[index]!;
    return constant === null
      ? longForm(channel, zeroPoint, reaches[index]!, longLift)
      : constantLongForm(constant);
  });
  return channels.every((form) => form !== null)
    ? { rows: written, requantization: { form: "long", channels } }
    : null;
}

/**
 * Per channel pair: bias of the odd channel, packed weights, bias of the even channel, then what requantizes
 * (short: two multipliers; long: multiplier, offset, shift of each). An odd last channel is paired with zeros.
 */
export function writeMatrix(
  params: ParamWriter,
  rows: readonly MatrixChannel[],
  requantization: Requantization,
): { readonly offset: ParamOffset; readonly bytes: number } {
  const words: number[] = [];
  for (let n = 0; n < rows.length; n += 2) {
    const even = rows[n]!;
    const odd = rows[n + 1];
    const start = (row: MatrixChannel | undefined, index: number): number =>
      row === undefined
        ? 0
        : 256 * row.bias + (requantization.form === "short" ? requantization.channels[index]!.beta : 0);
    words.push(start(odd, n + 1));
    for (let k = 0; k < even.weights.length; k += 2) {
      const half = (tap: number): number => 256 * (odd?.weights[tap] ?? 0) + even.weights[tap]!;
      words.push((half(k) & 0xffff) | (half(k + 1) << 16));
    }
    words.push(start(even, n));
    if (requantization.form === "short")
      words.push(requantization.channels[n]!.multiplier, requantization.channels[n + 1]?.multiplier ?? 0);
    else
      for (const index of [n, n + 1]) {
        const { multiplier, offset, shift } = requantization.channels[index] ?? {
          multiplier: 0,
          offset: 0,
          shift: 8,
        };
        words.push(multiplier, offset, shift);
      }
  }
  const rowBytes = 4 * (words.length / Math.ceil(rows.length / 2));
  return {
    offset: params.int32s(words, { rowBytes, form: pairsForm(2, requantization) }),
    bytes: words.length * 4,
  };
}

/** Rows of weights in pairs for a kernel that begins with the biases of odd channels. */
export function pairsForm(channels: 2 | 4, { form }: Requantization): RowForm {
  const extras = form === "short" ? 0 : 2;
  const words = { hasHead: true, extras, extrasFollow: false, shift: 0 };
  return { codes: "pairs", channels, isLifted: false, keepsValues: false, words };
}

/** Bytes of code of one tap pair: 12 instructions, none of which has a 16-bit form. */
const PAIR_CODE_BYTES = 48;

/** The kernel for one tile shape and form. */
export function matrixKernel(tile: TileShape, requantization: Requantization): CFunction {
  const { form } = requantization;
  const shift = requantization.form === "short" ? requantization.shift : 0;
  const canSkip = tile.skippedPairs !== undefined;
  const isLooped = tile.turns > 1 || canSkip;
  const name = `matrix_${tile.label}${canSkip ? "_any" : isLooped ? "_turns" : ""}_${form === "short" ? `s${shift}` : "long"}`;
  const out: string[] = [];
  const line = (text: string): void => {
    out.push(`    ${text}`);
  };
  const label = (text: string): void => {
    out.push(`${text}:`);
  };
  const T = ["r6", "r7", "r8", "r9"];
  const Z = ["r10", "r11", "r12", "lr"];
  line("push {r4-r11, lr}");
  line("vmov s0, r2");
  line("ldm r3, {r4, r5, r6, r7}");
  line("vmov s1, r4");
  line("vmov s4, r5");
  if (isLooped) {
    line("add r6, r6, r0");
    line("vmov s2, r6");
  }
  if (canSkip) {
    // The first turn begins r7 pairs late, in the code as in the tile.
    line("sub r0, r0, r7, lsl #4");
    line(`mov r5, #${PAIR_CODE_BYTES}`);
    line("adr r4, 2f + 1");
    line("mla r4, r7, r5, r4");
    line("vmov s5, r4");
  }
  if (isLooped) line("vmov s3, r0");
  label("1");
  line("ldr r6, [r1], #4");
  if (isLooped) {
    for (const register of T.slice(1)) line(`mov ${register}, r6`);
    for (const register of Z) line(`mov ${register}, #0`);
    if (canSkip) {
      line("vmov r2, s5");
      line("bx r2");
      // ADR counts from a multiple of 4.
      line(".balign 4");
    }
    label("2");
  }
  tile.offsets.forEach((offset, index) => {
    const isFirst = !isLooped && index === 0;
    const plus = (register: string): string => (isFirst ? "" : `, ${register}`);
    const mac = isFirst ? "smuad" : "smlad";
    line("ldr r2, [r1], #4");
    line(`ldrd r4, r5, [r0, #${offset}]`);
    line("sxtb16 r3, r2");
    if (isFirst) {
      // The first products start the sums: r6 still holds the bias that all four begin with.
      line(`ldrd r10, r11, [r0, #${offset + 8}]`);
      line("smlad r7, r2, r5, r6");
      line("smlad r8, r2, r10, r6");
      line("smlad r9, r2, r11, r6");
      line("smlad r6, r2, r4, r6");
      line("smuad r12, r3, r10");
      line("smuad lr, r3, r11");
      line("smuad r10, r3, r4");
      line("smuad r11, r3, r5");
      return;
    }
    line(`${mac} r6, r2, r4${plus("r6")}`);
    line(`${mac} r7, r2, r5${plus("r7")}`);
    line(`${mac} r10, r3, r4${plus("r10")}`);
    line(`${mac} r11, r3, r5${plus("r11")}`);
    line(`ldrd r4, r5, [r0, #${offset + 8}]`);
    line(`${mac} r8, r2, r4${plus("r8")}`);
    line(`${mac} r9, r2, r5${plus("r9")}`);
    line(`${mac} r12, r3, r4${plus("r12")}`);
    line(`${mac} lr, r3, r5${plus("lr")}`);
  });
  if (isLooped) {
    line("vmov r2, s2");
    addConstant(line, "r0", "r0", tile.advance);
    line("cmp r0, r2");
    line("bne.w 2b");
  }
  if (form === "short") {
    line("ldm r1!, {r2, r3, r4}");
    T.forEach((register, index) => {
      line(`subs ${register}, ${register}, ${Z[index]}`);
    });
    for (const register of Z) line(`add ${register}, r2, ${register}, lsl #8`);
    for (const register of T) line(`smmul ${register}, ${register}, r4`);
    for (const register of Z) line(`smmul ${register}, ${register}, r3`);
    for (const register of [...Z, ...T]) line(`usat ${register}, #8, ${register}, asr #${shift}`);
  } else {
    line("ldr r2, [r1], #4");
    T.forEach((register, index) => {
      line(`subs ${register}, ${register}, ${Z[index]}`);
    });
    for (const register of Z) line(`add ${register}, r2, ${register}, lsl #8`);
    if (!isLooped) line("vmov s3, r0");
    line("mov r0, #64");
    for (const group of [Z, T]) {
      line("ldm r1!, {r2, r3, r4}");
      for (const register of group) {
        line(`smmla ${register}, ${register}, r2, r0`);
        line(`and r5, ${register}, #0x80000000`);
        line(`sub ${register}, ${register}, r5, lsr #24`);
        line(`add ${register}, ${register}, r3`);
        line(`asr ${register}, ${register}, r4`);
        line(`usat ${register}, #8, ${register}`);
      }
    }
  }
  line("vmov r2, s0");
  line("vmov r3, s4");
  for (const [group, address] of [
    [Z, "[r2]"],
    [T, "[r2, r3]"],
  ] as const) {
    line(`orr ${group[0]}, ${group[0]}, ${group[1]}, lsl #8`);
    line(`orr ${group[2]}, ${group[2]}, ${group[3]}, lsl #8`);
    line(`orr ${group[0]}, ${group[0]}, ${group[2]}, lsl #16`);
    line(`str ${group[0]}, ${address}`);
  }
  line("add r2, r2, r3, lsl #1");
  line("vmov r3, s1");
  line("vmov s0, r2");
  if (isLooped || form === "long") line("vmov r0, s3");
  line("cmp r1, r3");
  line("bne.w 1b");
  line("pop {r4-r11, pc}");
  return {
    name,
    source: `    .global ${name}
    .type ${name}, %function
    .thumb_func
${name}: @ r0 tile, r1 weights, r2 out (4 pixels of plane 0), r3 matrix_t
${out.join("\n")}
    .size ${name}, .-${name}
`,
  };
}

const MATRIX_TYPE: CFunction = {
  name: "matrix_t",
  source: `/* A matrix for the tile kernels: where its weights end, bytes from one output plane to the next, bytes of the tile, tap
 * pairs of the kernel's first turn that it has not got. */
typedef struct {
    const uint8_t *end;
    int32_t plane, tile_bytes, skipped;
} matrix_t;

typedef void matrix_kernel_t(const uint32_t *tile, const uint8_t *weights, uint8_t *out, const matrix_t *matrix);
`,
};

/** What C needs to call the kernel. */
export const matrixPrototypes = (name: string): CFunction[] => [
  MATRIX_TYPE,
  { name, source: `matrix_kernel_t ${name};\n` },
];

/** A matrix_t for the tile, as a C initializer. */
export const matrixInitializer = (end: string, plane: number, tile: TileShape): string =>
  `{${end}, ${plane}, ${tileBytes(tile)}, ${tile.skippedPairs ?? 0}}`;

/** to = from + value, for any value that a tile can have. */
function addConstant(line: (text: string) => void, to: string, from: string, value: number): void {
  if (value < 4096) line(`addw ${to}, ${from}, #${value}`);
  else {
    line(`add ${to}, ${from}, #${value & 0xff000}`);
    if ((value & 0xfff) !== 0) line(`addw ${to}, ${to}, #${value & 0xfff}`);
  }
}
