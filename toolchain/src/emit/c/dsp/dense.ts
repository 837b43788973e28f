import type { OperatorOf } from "../../../graph/graph.js";
import { activationRange, channelsOf, elements, tensorOf, zeroPointOf } from "../arithmetic.js";
import type { CFunction } from "../step.js";
import { bytesAt, type DspContext, wordsAt } from "./context.js";
import { planesFor } from "./convert.js";
import type { Planes } from "./geometry.js";
import { type MatrixChannel, pairsForm, type Requantization, requantizationOf } from "./matrix.js";
import { LOAD_WORD } from "./words.js";

/** fullyConnected: 4 outputs at a time, 4 inputs per load, the packed weights of matrix.ts. */
export function lowerDspDense(context: DspContext, operator: OperatorOf<"fullyConnected">): boolean {
  const { graph, params } = context;
  const input = tensorOf(graph, operator.inputs[0]!);
  const output = tensorOf(graph, operator.outputs[0]!);
  const [outDepth, depth] = tensorOf(graph, operator.inputs[1]!).shape as [number, number];
  const range = activationRange(operator.attributes.activation, output);
  if (elements(input) !== depth || range.low !== -128 || range.high !== 127) return false;
  const held = packedPlanes(context, operator);
  const order = held === undefined ? null : tapOrder(held.planes);
  const length = Math.ceil((order?.length ?? depth) / 4) * 4;
  const zeroPoint = zeroPointOf(input);
  const asked: MatrixChannel[] = channelsOf(graph, operator).map((channel) => ({
    channel,
    weights: Array.from({ length }, (_, i) => {
      const tap = order === null ? (i < depth ? i : -1) : (order[i] ?? -1);
      return tap < 0 ? 0 : channel.weights[tap]!;
    }),
    bias: channel.bias - (zeroPoint + 128) * channel.weights.reduce((a, b) => a + b, 0),
  }));
  const requantized = requantizationOf(asked, zeroPointOf(output), context.takeGiven(operator.name));
  if (requantized === null) return false;
  const { rows, requantization } = requantized;
  const from = held ?? planesFor(context, operator, operator.inputs[0]!);
  const made = context.addPlanes(operator.outputs[0]!);
  const words = denseWords(rows, requantization);
  const rowBytes = 4 * (words.length / Math.ceil(rows.length / 4));
  const offset = params.int32s(words, { rowBytes, form: pairsForm(4, requantization) });
  const bytes = params.length - offset;
  // Inputs as halfwords cost RAM and save a sixth of the instructions.
  const isExpanded = context.optimize === "speed" && length % 8 === 0;
  const kernel = denseKernel(length, requantization, isExpanded);
  context.push(operator, {
    kernelClass: "dense",
    macs: depth * outDepth,
    paramBytes: bytes,
    reads: [from.buffer],
    writes: [made.buffer],
    scratchBytes: isExpanded ? 2 * length : 0,
    constants: [30, requantization.form === "short" ? requantization.shift : 0, context.isTurned ? 1 : 0],
    emit: (placed) => {
      const input = bytesAt(placed.at(from.buffer));
      const halfwords = wordsAt(placed.scratch);
      return {
        call: `${isExpanded ? `expand_inputs(${input}, ${halfwords}, ${length});\n    ` : ""}${kernel.name}(${isExpanded ? halfwords : input}, p + ${offset}, ${bytesAt(placed.at(made.buffer))}, p + ${offset + bytes});`,
        functions: [
          ...(isExpanded ? [LOAD_WORD, EXPAND_INPUTS] : []),
          {
            name: kernel.name,
            source: `void ${kernel.name}(const void *in, const uint8_t *weights, uint8_t *out, const uint8_t *weights_end);\n`,
          },
        ],
        assembly: [kernel],
      };
    },
  });
  return true;
}

const EXPAND_INPUTS: CFunction = {
  name: "expand_inputs",
  source: `/* n bytes to halfwords in the order of the weights: of each 4, 0 and 2, then 1 and 3. */
static void expand_inputs(const uint8_t *in, uint32_t *to, int32_t n) {
    for (int32_t i = 0; i < n; i += 4, to += 2) {
        const uint32_t word = load_word(in + i);
        to[0] = (uint32_t)__uxtb16(word);
        to[1] = odd_bytes(word);
    }
}
`,
};

/** Planes without the slack between them: weights for bytes that mean nothing would travel with every update. */
function packedPlanes(
  context: DspContext,
  operator: OperatorOf<"fullyConnected">,
): { buffer: string; planes: Planes } | undefined {
  const held = context.heldPlanes(operator.inputs[0]!);
  if (held === undefined) return undefined;
  const { buffer, planes } = held;
  const pixels = planes.major * planes.minor;
  if (planes.stride === pixels) return held;
  const packed = `${buffer}#packed`;
  const bytes = Math.ceil((planes.channels * pixels) / 4) * 4;
  context.buffers.set(packed, { name: packed, bytes });
  const kernel = packKernel(planes);
  context.push(operator, {
    kernelClass: "copy",
    macs: 0,
    paramBytes: 0,
    reads: [buffer],
    writes: [packed],
    inPlace: [{ input: buffer, output: packed, outputLag: 0, extraScratchBytes: 0 }],
    constants: [31],
    emit: (placed) => ({
      call: `${kernel.name}(${bytesAt(placed.at(buffer))}, ${bytesAt(placed.at(packed))});`,
      functions: [kernel],
    }),
  });
  return { buffer: packed, planes: { ...planes, stride: pixels } };
}

function packKernel({ major, minor, channels, stride }: Planes): CFunction {
  const pixels = major * minor;
  const name = `pack_planes_${major}x${minor}x${channels}`;
  return {
    name,
    source: `/* Planes moved together, first to last; out may lie on in. */
static void ${name}(const uint8_t *in, uint8_t *out) {
    for (int32_t c = 0; c < ${channels}; c++, in += ${stride}, out += ${pixels}) {
        memmove(out, in, ${pixels});
    }
}
`,
  };
}

/** Where planes lie flat: for every byte the index in NHWC order, -1 for slack. */
function tapOrder({ major, minor, channels, stride, isTurned }: Planes): number[] {
  const order = new Array<number>(channels * stride).fill(-1);
  for (let c = 0; c < channels; c++)
    for (let i = 0; i < major; i++)
      for (let j = 0; j < minor; j++) {
        const pixel = isTurned ? j * major + i : i * minor + j;
        order[c * stride + i * minor + j] = pixel * channels + c;
      }
  return order;
}

/**
 * Per 4 outputs: biases of outputs 1 and 3; per 4 inputs, for inputs 0 and 2 then 1 and 3, a word for outputs 0 and 1
 * and one for outputs 2 and 3; biases of outputs 0 and 2; then what requantizes outputs 0 to 3.
 */
function denseWords(rows: readonly MatrixChannel[], requantization: Requantization): number[] {
  const words: number[] = [];
  for (let n = 0; n < rows.length; n += 4) {
    const start = (index: number): number => {
      const row = rows[index];
      if (row === undefined) return 0;
      return 256 * row.bias + (requantization.form === "short" ? requantization.channels[index]!.beta : 0);
    };
    const weight = (index: number, tap: number): number => rows[index]?.weights[tap] ?? 0;
    const half = (index: number, tap: number): number => 256 * weight(index + 1, tap) + weight(index, tap);
    words.push(start(n + 1), start(n + 3));
    for (let k = 0; k < rows[n]!.weights.length; k += 4)
      for (const first of [k, k + 1])
        for (const pair of [n, n + 2])
          words.push((half(pair, first) & 0xffff) | (half(pair, first + 2) << 16));
    words.push(start(n), start(n + 2));
    for (let index = n; index < n + 4; index++) {
      if (requantization.form === "short") words.push(requantization.channels[index]?.multiplier ?? 0);
      else {
        const form = requantization.channels[index] ?? { multiplier: 0, offset: 0, shift: 8 };
        words.push(form.multiplier, form.offset, form.shift);
      }
    }
  }
  return words;
}

/** Inputs that one turn of the inner loop takes, at most. */
const TURN_INPUTS = 32;

function denseKernel(length: number, requantization: Requantization, isExpanded: boolean): CFunction {
  const isShort = requantization.form === "short";
  const name = `dense_${length}${isExpanded ? "_halfwords" : ""}_${isShort ? `s${requantization.shift}` : "long"}`;
  let perTurn = 4;
  for (let inputs = isExpanded ? 8 : 4; inputs <= TURN_INPUTS; inputs += isExpanded ? 8 : 4)
    if (length % inputs === 0) perTurn = inputs;
  const out: string[] = [];
  const line = (text: string): void => {
    out.push(`    ${text}`);
  };
  line("push {r4-r11, lr}");
  line("vmov s1, r2");
  line("vmov s2, r3");
  const inputBytes = isExpanded ? 2 * length : length;
  line(`add r4, r0, #${inputBytes & ~0xff}`);
  if ((inputBytes & 0xff) !== 0) line(`add r4, r4, #${inputBytes & 0xff}`);
  line("vmov s0, r4");
  line("vmov s3, r0");
  out.push("2:");
  line("ldmia r1!, {r10, r12}");
  line("mov r11, #0");
  line("mov lr, #0");
  out.push("1:");
  /** 4 inputs, in two registers of halfwords, times weights of 4 outputs. */
  const products = (even: string, odd: string): void => {
    line("ldmia r1!, {r6-r9}");
    for (const [input, pairs] of [
      [even, ["r6", "r7"]],
      [odd, ["r8", "r9"]],
    ] as const)
      pairs.forEach((weights, pair) => {
        const [both, low] = pair === 0 ? ["r10", "r11"] : ["r12", "lr"];
        line(`smlad ${both}, ${weights}, ${input}, ${both}`);
        line(`sxtb16 ${weights}, ${weights}`);
        line(`smlad ${low}, ${weights}, ${input}, ${low}`);
      });
  };
  for (let i = 0; i < perTurn; i += isExpanded ? 8 : 4) {
    if (isExpanded) {
      line("ldmia r0!, {r2-r5}");
      products("r2", "r3");
      products("r4", "r5");
    } else {
      line("ldr r2, [r0], #4");
      line("uxtb16 r3, r2");
      line("uxtb16 r2, r2, ror #8");
      products("r3", "r2");
    }
  }
  if (perTurn !== length) {
    line("vmov r2, s0");
    line("cmp r0, r2");
    line("bne.w 1b");
  }
  line("vmov r0, s3");
  line("ldmia r1!, {r2, r3}");
  line("sub r10, r10, r11");
  line("sub r12, r12, lr");
  line("add r11, r2, r11, lsl #8");
  line("add lr, r3, lr, lsl #8");
  const outputs = ["r11", "r10", "lr", "r12"];
  if (isShort) {
    line("ldmia r1!, {r2, r3, r4, r5}");
    outputs.forEach((register, index) => {
      line(`smmul ${register}, ${register}, r${2 + index}`);
    });
    for (const register of outputs) line(`usat ${register}, #8, ${register}, asr #${requantization.shift}`);
  } else {
    line("mov r6, #64");
    for (const register of outputs) {
      line("ldmia r1!, {r2, r3, r4}");
      line(`smmla ${register}, ${register}, r2, r6`);
      line(`and r5, ${register}, #0x80000000`);
      line(`sub ${register}, ${register}, r5, lsr #24`);
      line(`add ${register}, ${register}, r3`);
      line(`asr ${register}, ${register}, r4`);
      line(`usat ${register}, #8, ${register}`);
    }
  }
  line("orr r11, r11, r10, lsl #8");
  line("orr lr, lr, r12, lsl #8");
  line("orr r11, r11, lr, lsl #16");
  line("vmov r2, s1");
  line("vmov r3, s2");
  line("str r11, [r2], #4");
  line("vmov s1, r2");
  line("cmp r1, r3");
  line("bne.w 2b");
  line("pop {r4-r11, pc}");
  return {
    name,
    source: `    .global ${name}
    .type ${name}, %function
    .thumb_func
${name}: @ r0 in, r1 weights, r2 out, r3 end of the weights; ${length} inputs, 4 outputs at a time
${out.join("\n")}
    .size ${name}, .-${name}
`,
  };
}
