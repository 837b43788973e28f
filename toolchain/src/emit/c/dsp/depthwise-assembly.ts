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
}

/** Output rows up to which a strip is written out without a loop. */
const UNROLLED_ROWS = 8;

type Pair = readonly [string, string];
const A: Pair = ["r8", "r9"];
const B: Pair = ["r10", "r11"];
const [EVEN, ODD] = ["r12", "lr"];

/** Shapes that the assembly covers; others take the C kernel. */
export function hasStripAssembly({ outMajor, rowBytes }: StripShape): boolean {
  return rowBytes <= 255 && (outMajor <= UNROLLED_ROWS || outMajor % 2 === 0);
}

/**
 * Registers: r0 input, r1 output, r2-r6 weights, r7 multiplier, r8-r11 two pairs of sums, r12 and lr the bytes of a
 * row. s0 bias, s1 start of the last strip, s2 and s3 input and output of this strip, s4 end of the rows,
 * s5 multiplier where r7 holds a load (stride 2).
 */
export function stripKernel(shape: StripShape): CFunction {
  const { stride, outMajor, outMinor, rowBytes, shift } = shape;
  const name = `depthwise_strips_${outMajor}x${outMinor}_s${stride}_r${rowBytes}_s${shift}`;
  const out: string[] = [];
  const line = (text: string): void => {
    out.push(`    ${text}`);
  };
  line("push {r4-r11, lr}");
  line("ldmia r2, {r2-r6, r12, lr}");
  line("vmov s0, r12");
  line(stride === 1 ? "mov r7, lr" : "vmov s5, lr");
  line("vmov s2, r0");
  line("vmov s3, r1");
  line(`add r12, r0, #${(outMinor - 2) * stride}`);
  line("vmov s1, r12");
  out.push("1:");
  if (stride === 1) emitStride1(line, out, outMajor, outMinor, rowBytes, shift);
  else emitStride2(line, out, outMajor, outMinor, rowBytes, shift);
  line("vmov r0, s2");
  line("vmov r1, s3");
  line("vmov r12, s1");
  line("cmp r0, r12");
  line("beq.n 9f");
  line(`add r0, r0, #${2 * stride}`);
  line("add r1, r1, #2");
  if (outMinor % 2 === 1) {
    // An odd last column is computed together with the one before it.
    line("cmp r0, r12");
    line("itt hi");
    line("movhi r0, r12");
    line("subhi r1, r1, #1");
  }
  line("vmov s2, r0");
  line("vmov s3, r1");
  line("b.w 1b");
  out.push("9:");
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

type Line = (text: string) => void;

function loadRow(line: Line, rowBytes: number): void {
  line(`ldr ${ODD}, [r0], #${rowBytes}`);
  line(`uxtb16 ${EVEN}, ${ODD}`);
  line(`uxtb16 ${ODD}, ${ODD}, ror #8`);
}

/** sums += row `ky` of the weights; from the bias where the sums begin. */
function accumulate(line: Line, [low, high]: Pair, ky: 0 | 1 | 2, begins: boolean): void {
  const middle = ky === 2 ? "r6" : "r5";
  const half = ky === 1 ? "t" : "b";
  if (begins) line(`vmov ${low}, s0`);
  line(`smlad ${high}, ${ODD}, r${2 + ky}, ${begins ? low : high}`);
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
  outMajor: number,
  outMinor: number,
  rowBytes: number,
  shift: number,
): void {
  loadRow(line, rowBytes);
  accumulate(line, A, 0, true);
  loadRow(line, rowBytes);
  accumulate(line, A, 1, false);
  if (outMajor > 1) accumulate(line, B, 0, true);
  /** One input row: the third of `ending`, the second of `middle`, the first of the pair that `ending` becomes. */
  const row = (ending: Pair, middle: Pair, isLast: boolean, isLastButOne: boolean): void => {
    loadRow(line, rowBytes);
    accumulate(line, ending, 2, false);
    if (!isLast) accumulate(line, middle, 1, false);
    finish(line, ending, "r7", shift, outMinor);
    if (!isLast && !isLastButOne) accumulate(line, ending, 0, true);
  };
  if (outMajor <= UNROLLED_ROWS) {
    for (let i = 0; i < outMajor; i++)
      row(i % 2 === 0 ? A : B, i % 2 === 0 ? B : A, i === outMajor - 1, i === outMajor - 2);
    return;
  }
  // The loop ends one input row past the last one: the sums that begin there are dropped.
  line(`movw ${EVEN}, #${outMajor * rowBytes}`);
  line(`add ${EVEN}, ${EVEN}, r0`);
  line(`vmov s4, ${EVEN}`);
  out.push("2:");
  row(A, B, false, false);
  row(B, A, false, false);
  line(`vmov ${EVEN}, s4`);
  line(`cmp r0, ${EVEN}`);
  line("bne.w 2b");
}

function emitStride2(
  line: Line,
  out: string[],
  outMajor: number,
  outMinor: number,
  rowBytes: number,
  shift: number,
): void {
  const SECOND = "r7";
  const load = (): void => {
    line(`ldr ${SECOND}, [r0, #2]`);
    line(`ldr ${ODD}, [r0], #${rowBytes}`);
    line(`uxtb16 ${SECOND}, ${SECOND}`);
    line(`uxtb16 ${EVEN}, ${ODD}`);
    line(`uxtb16 ${ODD}, ${ODD}, ror #8`);
  };
  const add = ([low, high]: Pair, ky: 0 | 1 | 2, begins: boolean): void => {
    const middle = ky === 2 ? "r6" : "r5";
    const half = ky === 1 ? "t" : "b";
    if (begins) line(`vmov ${low}, s0`);
    line(`smlad ${high}, ${SECOND}, r${2 + ky}, ${begins ? low : high}`);
    line(`smlad ${low}, ${EVEN}, r${2 + ky}, ${low}`);
    line(`smlab${half} ${low}, ${ODD}, ${middle}, ${low}`);
    line(`smlat${half} ${high}, ${ODD}, ${middle}, ${high}`);
  };
  const row = (ending: Pair, beginning: Pair, isLast: boolean): void => {
    load();
    add(ending, 1, false);
    load();
    add(ending, 2, false);
    if (!isLast) add(beginning, 0, true);
    line(`vmov ${SECOND}, s5`);
    finish(line, ending, SECOND, shift, outMinor);
  };
  load();
  add(A, 0, true);
  if (outMajor <= UNROLLED_ROWS) {
    for (let i = 0; i < outMajor; i++) row(i % 2 === 0 ? A : B, i % 2 === 0 ? B : A, i === outMajor - 1);
    return;
  }
  line(`movw ${EVEN}, #${2 * outMajor * rowBytes}`);
  line(`add ${EVEN}, ${EVEN}, r0`);
  line(`vmov s4, ${EVEN}`);
  out.push("2:");
  row(A, B, false);
  row(B, A, false);
  line(`vmov ${EVEN}, s4`);
  line(`cmp r0, ${EVEN}`);
  line("bne.w 2b");
}
