import type { CFunction } from "../step.js";

/**
 * Winograd's F(2x2, 3x3) in integers (Lavin and Gray, arXiv 1509.09308): 16 products instead of 36 for 2x2 outputs.
 * Transformed inputs stand in chunks of 8 channel pairs: 16 products' slots of 128 B, a slot one word (two channels)
 * for each of 4 neighbouring tiles per pair. Slots are in the order in which the product kernel reads them: columns of
 * the 4x4 transform, within a column rows 1, 2, 3, 0. Sums wrap modulo 2^32; results fit.
 */

/** Channel pairs of one chunk. */
export const CHUNK_PAIRS = 8;
/** Bytes of one slot of a chunk: 4 tiles of each pair. */
const SLOT_BYTES = 16 * CHUNK_PAIRS;
export const CHUNK_BYTES = 16 * SLOT_BYTES;
/** Row of the transform -> place in its column of slots. */
export const slotOf = (row: number, column: number): number => 4 * column + ((row + 3) % 4);
/** The row whose weights are stored negated, so that its products can be added (see winogradProducts). */
export const NEGATED_ROW = 3;
/** Tiles that the kernels take at once: 8 columns of 2 rows. */
export const TILES = 4;

type Line = (text: string) => void;

function assembly(name: string, what: string, body: (line: Line) => void): CFunction {
  const out: string[] = [];
  body((text) => out.push(/^\d+:$/.test(text) ? text : `    ${text}`));
  return {
    name,
    source: `    .global ${name}
    .type ${name}, %function
    .thumb_func
${name}: @ ${what}
${out.join("\n")}
    .size ${name}, .-${name}
`,
  };
}

/** One chunk of inputs, transformed: B^T d B for 4 tiles of 8 channel pairs. Rows of one channel are `pitch` B apart. */
export function winogradInput(pitch: number): CFunction {
  const plane = 4 * pitch;
  return assembly(
    `winograd_input_r${pitch}`,
    "r0 four rows of the first channel, r1 transformed chunk",
    (line) => {
      line("push {r4-r11, lr}");
      line(`add r2, r1, #${SLOT_BYTES}`);
      line("vmov s0, r2");
      line("1:");
      for (let tile = 0; tile < TILES; tile++) inputTile(line, pitch, plane, tile);
      line("vmov r2, s0");
      line(`add r0, r0, #${2 * plane}`);
      line("adds r1, #16");
      line("cmp r1, r2");
      line("bne.w 1b");
      line("pop {r4-r11, pc}");
    },
  );
}

function inputTile(line: Line, pitch: number, plane: number, tile: number): void {
  const free = ["r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr"];
  /** d B of one row: 4 words, each with a channel in either half. */
  const row = (index: number): [string, string, string, string] => {
    const [p, q, a, b, x] = free.splice(0, 5) as [string, string, string, string, string];
    line(`ldr ${p}, [r0, #${index * pitch + 2 * tile}]`);
    line(`ldr ${q}, [r0, #${index * pitch + 2 * tile + plane}]`);
    line(`uxtb16 ${a}, ${p}`);
    line(`uxtb16 ${p}, ${p}, ror #8`);
    line(`uxtb16 ${b}, ${q}`);
    line(`uxtb16 ${q}, ${q}, ror #8`);
    line(`pkhbt ${x}, ${a}, ${b}, lsl #16`);
    line(`pkhtb ${b}, ${b}, ${a}, asr #16`);
    line(`pkhbt ${a}, ${p}, ${q}, lsl #16`);
    line(`pkhtb ${q}, ${q}, ${p}, asr #16`);
    line(`ssub16 ${p}, ${x}, ${b}`);
    line(`ssub16 ${q}, ${a}, ${q}`);
    line(`sadd16 ${x}, ${a}, ${b}`);
    line(`ssub16 ${b}, ${b}, ${a}`);
    free.push(a);
    return [p, x, b, q];
  };
  const store = (register: string, index: number, column: number): void =>
    line(`str ${register}, [r1, #${slotOf(index, column) * SLOT_BYTES + 4 * tile}]`);
  const first = row(1);
  const second = row(2);
  const sum = free[0]!;
  first.forEach((register, column) => {
    line(`sadd16 ${sum}, ${register}, ${second[column]}`);
    store(sum, 1, column);
    line(`ssub16 ${sum}, ${second[column]}, ${register}`);
    store(sum, 2, column);
  });
  // A row needs 5 registers and 4 are left: one word waits in the FPU.
  line(`vmov s2, ${first[3]}`);
  free.push(first[3]);
  const zeroth = row(0);
  zeroth.forEach((register, column) => {
    line(`ssub16 ${register}, ${register}, ${second[column]}`);
    store(register, 0, column);
  });
  free.push(...zeroth, ...second);
  const third = row(3);
  const last = free[0]!;
  line(`vmov ${last}, s2`);
  [first[0], first[1], first[2], last].forEach((register, column) => {
    line(`ssub16 ${third[column]}, ${register}, ${third[column]}`);
    store(third[column]!, 3, column);
  });
}

const SUMS = "{r6-r12, lr}";

/**
 * Products and the first half of the output transform, two output channels at a time. In a column of the transform,
 * with M0..M3 its sums and M3 stored negated,
 *
 *   M1, then M1 + M2, each set aside; 2 M1 - (M1 + M2) - M3 = y1;  (M1 + M2) + M0 = y0
 *
 * so that three of four sums begin where another ended. The stack ends up with y0 and y1 of columns 3 to 0, 8 words
 * each (channel, tile). `isLooped` takes any number of chunks, otherwise there is one.
 */
export function winogradProducts(isLooped: boolean): CFunction {
  const what =
    "r0 transformed inputs, r1 weights, r2 out, r3 { end of the weights, output transform, out's row and plane bytes, bytes of all chunks }";
  return assembly(`winograd_products_${isLooped ? "chunks" : "one"}`, what, (line) => {
    line("push {r4-r11, lr}");
    line("vmov s0, r0");
    line("vmov s1, r2");
    line("ldm r3, {r4, r5, r6, r7, r8}");
    ["s2", "s6", "s4", "s5", "s9"].forEach((single, index) => {
      line(`vmov ${single}, r${4 + index}`);
    });
    line("2:");
    line("mov r4, #4");
    line("vmov s10, r4");
    line("1:");
    const row = (place: number): void =>
      isLooped ? loopedRow(line, place) : products(line, place, place === 0);
    if (isLooped) {
      line("vmov r2, s9");
      line("vmov s3, r0");
      line("add r2, r2, r0");
      line("vmov s8, r2");
      for (const register of ["r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr"]) line(`mov ${register}, #0`);
    }
    row(0);
    line(`push ${SUMS}`);
    row(1);
    line(`push ${SUMS}`);
    ["r6", "r8", "r10", "r12"].forEach((register, index) => {
      const next = ["r7", "r9", "r11", "lr"][index]!;
      line(`ldrd r2, r3, [sp, #${32 + 8 * index}]`);
      line(`rsb ${register}, ${register}, r2, lsl #1`);
      line(`rsb ${next}, ${next}, r3, lsl #1`);
    });
    row(2);
    line("add r2, sp, #32");
    line(`stm r2, ${SUMS}`);
    line(`ldm sp, ${SUMS}`);
    row(3);
    line(`stm sp, ${SUMS}`);
    line("vmov r4, s10");
    line(`add r0, r0, #${4 * SLOT_BYTES}`);
    line("subs r4, #1");
    line("vmov s10, r4");
    line("bne.w 1b");
    line("vmov r4, s6");
    line("blx r4");
    line("add sp, sp, #256");
    line("vmov r0, s0");
    line("vmov r3, s2");
    line("cmp r1, r3");
    line("bne.w 2b");
    line("pop {r4-r11, pc}");
  });
}

/** One row of a column over every chunk. */
function loopedRow(line: Line, place: number): void {
  line(`${3 + place}:`);
  products(line, place, false);
  line("vmov r2, s8");
  line(`add r0, r0, #${CHUNK_BYTES}`);
  line("cmp r0, r2");
  line(`bne.w ${3 + place}b`);
  line("vmov r0, s3");
}

/** 8 channel pairs of two output channels (sums of 4 tiles in r6-r9 and r10-lr). */
function products(line: Line, place: number, begins: boolean): void {
  for (let pair = 0; pair < CHUNK_PAIRS; pair++) {
    const isFirst = begins && pair === 0;
    const mac = (sum: string, weight: string, input: string): void =>
      line(isFirst ? `smuad ${sum}, ${weight}, ${input}` : `smlad ${sum}, ${weight}, ${input}, ${sum}`);
    const offset = place * SLOT_BYTES + 16 * pair;
    line("ldm r1!, {r2, r3}");
    line(`ldrd r4, r5, [r0, #${offset}]`);
    mac("r6", "r2", "r4");
    mac("r7", "r2", "r5");
    mac("r10", "r3", "r4");
    mac("r11", "r3", "r5");
    line(`ldrd r4, r5, [r0, #${offset + 8}]`);
    mac("r8", "r2", "r4");
    mac("r9", "r2", "r5");
    mac("r12", "r3", "r4");
    mac("lr", "r3", "r5");
  }
}

/** How the short form, or the long form with sums `lift` bits up, ends an output transform. */
export type OutputForm =
  | { readonly form: "short"; readonly shift: number }
  | { readonly form: "long"; readonly lift: number };

/**
 * The second half of the output transform and requantization of what winogradProducts left on the stack; called by it
 * alone, with its registers: r1 weights, s1 out, s4 row bytes, s5 plane bytes.
 */
export function winogradOutput(form: OutputForm): CFunction {
  const name = form.form === "short" ? `winograd_output_s${form.shift}` : `winograd_output_long${form.lift}`;
  return assembly(name, "for winograd_products: r1 weights, sp columns 3 to 0", (line) => {
    line("vmov s7, lr");
    line("vmov lr, s1");
    line("vmov r4, s4");
    line("add r12, lr, r4");
    line("mov r0, sp");
    line("1:");
    line("ldm r1!, {r2, r3}");
    if (form.form === "long") line("add r1, r1, #8");
    for (const half of [0, 1]) for (const row of [0, 1]) outputWord(line, half, row, form);
    line("vmov r4, s5");
    line("add r0, r0, #16");
    line("add lr, lr, r4");
    line("add r12, r12, r4");
    line("add r4, sp, #32");
    line("cmp r0, r4");
    line("bne.w 1b");
    line("vmov s1, lr");
    line("vmov lr, s7");
    line("bx lr");
  });
}

/** Two tiles of one output row: 4 pixels. */
function outputWord(line: Line, half: number, row: number, form: OutputForm): void {
  const columns = [
    ["r4", "r5"],
    ["r6", "r7"],
    ["r8", "r9"],
    ["r10", "r11"],
  ] as const;
  columns.forEach(([a, b], column) => {
    line(`ldrd ${a}, ${b}, [r0, #${(3 - column) * 64 + row * 32 + half * 8}]`);
  });
  for (const tile of [0, 1]) {
    const [y0, y1, y2, y3] = columns.map((pair) => pair[tile]!);
    line(`add ${y1}, ${y1}, r2`);
    line(`add ${y0}, ${y0}, ${y1}`);
    line(`add ${y0}, ${y0}, ${y2}`);
    line(`sub ${y1}, ${y1}, ${y2}`);
    line(`sub ${y1}, ${y1}, ${y3}`);
  }
  // Pixel 0 is y0 + y1 + y2, pixel 1 is y1 - y2 - y3: the bias went into y1, which both add.
  const pixels = ["r4", "r6", "r5", "r7"];
  if (form.form === "short") {
    for (const pixel of pixels) line(`smmul ${pixel}, ${pixel}, r3`);
    for (const pixel of pixels) line(`usat ${pixel}, #8, ${pixel}, asr #${form.shift}`);
  } else {
    line("ldrd r8, r9, [r1, #-8]");
    line(`mov r10, #${2 ** (form.lift - 2)}`);
    for (const pixel of pixels) {
      line(`smmla ${pixel}, ${pixel}, r3, r10`);
      line(`and r11, ${pixel}, #0x80000000`);
      line(`sub ${pixel}, ${pixel}, r11, lsr #${32 - form.lift}`);
      line(`add ${pixel}, ${pixel}, r8`);
      line(`asr ${pixel}, ${pixel}, r9`);
      line(`usat ${pixel}, #8, ${pixel}`);
    }
  }
  line("orr r4, r4, r6, lsl #8");
  line("orr r5, r5, r7, lsl #8");
  line("orr r4, r4, r5, lsl #16");
  line(`str r4, [${row === 0 ? "lr" : "r12"}, #${4 * half}]`);
}
