import type { CFunction } from "../step.js";

/** All strips of one channel: what C can't keep in 14 registers. */
export interface StripShape {
  readonly stride: 1 | 2;
  readonly outMajor: number;
  readonly outMinor: number;
  /** Bytes of a padded row. */
  readonly rowBytes: number;
  /** Right shift of the short form. */
  readonly shift: number;
  /** Output rows whose first (last) input row is all padding: it is in their bias, and no row stands for it in memory. */
  readonly isTopFolded: boolean;
  readonly isBottomFolded: boolean;
}

/** Output rows up to which a strip is written out without a loop. */
const UNROLLED_ROWS = 8;

type Pair = readonly [string, string];
const A: Pair = ["r8", "r9"];
const B: Pair = ["r10", "r11"];
const [EVEN, ODD] = ["r12", "lr"];

/** Strips short enough to be written out can do without rows of padding. */
export const canFoldPadding = (outMajor: number): boolean => outMajor > 1 && outMajor <= UNROLLED_ROWS;

/** Shapes that the assembly covers; others take the C kernel. */
export function hasStripAssembly({ outMajor, rowBytes }: StripShape): boolean {
  return rowBytes <= 255 && (outMajor <= UNROLLED_ROWS || outMajor % 2 === 0);
}

/**
 * Registers: r0 input, r1 output, r2-r6 weights, r7 multiplier, r8-r11 two pairs of sums, r12 and lr the bytes of a
 * row. s0 bias, s1 start of the last strip, s2 and s3 the bias of the first and the last row, s4 end of the rows,
 * s5 multiplier where r7 holds a load (stride 2).
 */
export function stripKernel(shape: StripShape): CFunction {
  const { stride, outMajor, outMinor, rowBytes, shift, isTopFolded, isBottomFolded } = shape;
  const folded = `${isTopFolded ? "t" : ""}${isBottomFolded ? "b" : ""}`;
  const name = `depthwise_strips_${outMajor}x${outMinor}_s${stride}${folded}_r${rowBytes}_s${shift}`;
  const out: string[] = [];
  const line = (text: string): void => {
    out.push(`    ${text}`);
  };
  line("push {r4-r11, lr}");
  if (folded !== "") {
    line("ldrd r4, r5, [r2, #28]");
    line("vmov s2, r4");
    line("vmov s3, r5");
  }
  line("ldmia r2, {r2-r6, r12, lr}");
  line("vmov s0, r12");
  line(stride === 1 ? "mov r7, lr" : "vmov s5, lr");
  line(`add r12, r0, #${(outMinor - 2) * stride}`);
  line("vmov s1, r12");
  out.push("1:");
  if (stride === 1) emitStride1(line, out, shape);
  else emitStride2(line, out, shape);
  const rows = (outMajor - 1) * stride + 3 - (isTopFolded ? 1 : 0) - (isBottomFolded ? 1 : 0);
  line("vmov r12, s1");
  stepBack(line, "r0", rows * rowBytes - 2 * stride);
  stepBack(line, "r1", outMajor * outMinor - 2);
  line("cmp r0, r12");
  line("bls.w 1b");
  if (outMinor % 2 === 1) {
    // An odd last column is computed together with the one before it.
    line("sub r12, r0, r12");
    line(`cmp r12, #${stride}`);
    line("bne.n 9f");
    line(`sub r0, r0, #${stride}`);
    line("sub r1, r1, #1");
    line("b.w 1b");
    out.push("9:");
  }
  line("pop {r4-r11, pc}");
  return {
    name,
    source: `    .global ${name}
    .type ${name}, %function
    .thumb_func
${name}: @ r0 padded plane, r1 out plane, r2 channel
${out.join("\n")}
    .size ${name}, .-${name}
`,
  };
}

/** To the start of the next strip, from wherever the rows of this one ended. */
function stepBack(line: Line, register: string, bytes: number): void {
  if (bytes >= 4096) line(`sub ${register}, ${register}, #${bytes & ~0xfff}`);
  if (bytes < 0) line(`add ${register}, ${register}, #${-bytes}`);
  else if ((bytes & 0xfff) !== 0) line(`subw ${register}, ${register}, #${bytes & 0xfff}`);
}

type Line = (text: string) => void;

function loadRow(line: Line, rowBytes: number): void {
  line(`ldr ${ODD}, [r0], #${rowBytes}`);
  line(`uxtb16 ${EVEN}, ${ODD}`);
  line(`uxtb16 ${ODD}, ${ODD}, ror #8`);
}

/** sums += row `ky` of the weights; from a bias (s0, s2 or s3) where the sums begin. */
function accumulate(line: Line, [low, high]: Pair, ky: 0 | 1 | 2, bias?: string): void {
  const middle = ky === 2 ? "r6" : "r5";
  const half = ky === 1 ? "t" : "b";
  if (bias !== undefined) line(`vmov ${low}, ${bias}`);
  line(`smlad ${high}, ${ODD}, r${2 + ky}, ${bias === undefined ? high : low}`);
  line(`smlad ${low}, ${EVEN}, r${2 + ky}, ${low}`);
  line(`smlab${half} ${low}, ${ODD}, ${middle}, ${low}`);
  line(`smlat${half} ${high}, ${EVEN}, ${middle}, ${high}`);
}

function finish(line: Line, [low, high]: Pair, multiplier: string, shift: number, outMinor: number): void {
  line(`smmul ${low}, ${low}, ${multiplier}`);
  line(`smmul ${high}, ${high}, ${multiplier}`);
  line(`usat ${low}, #8, ${low}, asr #${shift}`);
  line(`usat ${high}, #8, ${high}, asr #${shift}`);
  line(`orr ${low}, ${low}, ${high}, lsl #8`);
  line(`strh ${low}, [r1], #${outMinor}`);
}

function emitStride1(
  line: Line,
  out: string[],
  { outMajor, outMinor, rowBytes, shift, isTopFolded, isBottomFolded }: StripShape,
): void {
  const biasOf = (row: number): string => (isBottomFolded && row === outMajor - 1 ? "s3" : "s0");
  if (!isTopFolded) {
    loadRow(line, rowBytes);
    accumulate(line, A, 0, biasOf(0));
  }
  loadRow(line, rowBytes);
  accumulate(line, A, 1, isTopFolded ? "s2" : undefined);
  if (outMajor > 1) accumulate(line, B, 0, biasOf(1));
  /** Ends output row `i`; its input row is the second of `middle`'s and the first of the pair that `ending` becomes. */
  const row = (ending: Pair, middle: Pair, i: number): void => {
    const isLast = i === outMajor - 1;
    if (!(isLast && isBottomFolded)) {
      loadRow(line, rowBytes);
      accumulate(line, ending, 2);
    }
    if (!isLast) accumulate(line, middle, 1);
    finish(line, ending, "r7", shift, outMinor);
    if (i < outMajor - 2) accumulate(line, ending, 0, biasOf(i + 2));
  };
  if (outMajor <= UNROLLED_ROWS) {
    for (let i = 0; i < outMajor; i++) row(i % 2 === 0 ? A : B, i % 2 === 0 ? B : A, i);
    return;
  }
  // The loop ends one input row past the last one: the sums that begin there are dropped.
  line(`movw ${EVEN}, #${outMajor * rowBytes}`);
  line(`add ${EVEN}, ${EVEN}, r0`);
  line(`vmov s4, ${EVEN}`);
  out.push("2:");
  row(A, B, 0);
  row(B, A, 0);
  line(`vmov ${EVEN}, s4`);
  line(`cmp r0, ${EVEN}`);
  line("bne.w 2b");
}

function emitStride2(
  line: Line,
  out: string[],
  { outMajor, outMinor, rowBytes, shift, isTopFolded, isBottomFolded }: StripShape,
): void {
  const SECOND = "r7";
  const load = (): void => {
    line(`ldr ${SECOND}, [r0, #2]`);
    line(`ldr ${ODD}, [r0], #${rowBytes}`);
    line(`uxtb16 ${SECOND}, ${SECOND}`);
    line(`uxtb16 ${EVEN}, ${ODD}`);
    line(`uxtb16 ${ODD}, ${ODD}, ror #8`);
  };
  const add = ([low, high]: Pair, ky: 0 | 1 | 2, bias?: string): void => {
    const middle = ky === 2 ? "r6" : "r5";
    const half = ky === 1 ? "t" : "b";
    if (bias !== undefined) line(`vmov ${low}, ${bias}`);
    line(`smlad ${high}, ${SECOND}, r${2 + ky}, ${bias === undefined ? high : low}`);
    line(`smlad ${low}, ${EVEN}, r${2 + ky}, ${low}`);
    line(`smlab${half} ${low}, ${ODD}, ${middle}, ${low}`);
    line(`smlat${half} ${high}, ${ODD}, ${middle}, ${high}`);
  };
  const biasOf = (row: number): string => (isBottomFolded && row === outMajor - 1 ? "s3" : "s0");
  const row = (ending: Pair, beginning: Pair, i: number): void => {
    const isLast = i === outMajor - 1;
    load();
    add(ending, 1, i === 0 && isTopFolded ? "s2" : undefined);
    if (!(isLast && isBottomFolded)) {
      load();
      add(ending, 2);
    }
    if (!isLast) add(beginning, 0, biasOf(i + 1));
    line(`vmov ${SECOND}, s5`);
    finish(line, ending, SECOND, shift, outMinor);
  };
  if (!isTopFolded) {
    load();
    add(A, 0, biasOf(0));
  }
  if (outMajor <= UNROLLED_ROWS) {
    for (let i = 0; i < outMajor; i++) row(i % 2 === 0 ? A : B, i % 2 === 0 ? B : A, i);
    return;
  }
  line(`movw ${EVEN}, #${2 * outMajor * rowBytes}`);
  line(`add ${EVEN}, ${EVEN}, r0`);
  line(`vmov s4, ${EVEN}`);
  out.push("2:");
  row(A, B, 0);
  row(B, A, 0);
  line(`vmov ${EVEN}, s4`);
  line(`cmp r0, ${EVEN}`);
  line("bne.w 2b");
}
