import type { KernelClass } from "../emit/c/step.js";
import type { CoreId } from "../targets/target.js";
import type { MixPerCycle } from "./worst-case.js";

/** Cycles of one kernel class on one core: perMac * MACs + perOutput * outputs. */
export interface KernelCost {
  readonly perMac: number;
  readonly perOutput: number;
}

export interface CostTable {
  /** For the worst case; undefined where a runtime's code runs, which nobody here has counted. */
  readonly mix?: Readonly<Record<KernelClass, MixPerCycle>>;
  readonly classes: Readonly<Record<KernelClass, KernelCost>>;
  /** Where the numbers are from, for the report. */
  readonly source: string;
}

const cost = (perMac: number, perOutput: number): KernelCost => ({ perMac, perOutput });

/** A core whose pipeline does the same instructions in `factor` times the cycles of the Cortex-M4. */
function scaled(table: CostTable, factor: number, source: string): CostTable {
  const classes = Object.fromEntries(
    Object.entries(table.classes).map(([name, { perMac, perOutput }]) => [
      name,
      cost(perMac * factor, perOutput * factor),
    ]),
  ) as Record<KernelClass, KernelCost>;
  return { classes, source, ...(table.mix === undefined ? {} : { mix: table.mix }) };
}

const mix = (longest: number, codeBytes: number, branches: number, flashReads: number): MixPerCycle => ({
  longest,
  codeBytes,
  branches,
  flashReads,
});

/** Upper ends over the functions of the four MLPerf Tiny models, as counted for the table beside. */
const OTHER_MIX = mix(1.4, 2.8, 0.13, 0.03);
const M4_DSP_MIX: CostTable["mix"] = {
  conv: mix(1.1, 3, 0.02, 0.07),
  winograd: mix(1.15, 3.2, 0.03, 0.2),
  pointwise: mix(1.1, 3, 0.02, 0.07),
  depthwise: mix(1.3, 3.6, 0.03, 0.01),
  dense: mix(1.05, 3.05, 0.015, 0.19),
  pool: OTHER_MIX,
  elementwise: OTHER_MIX,
  softmax: OTHER_MIX,
  copy: OTHER_MIX,
};

/** As counted on Cortex-M3; Cortex-M0's halfword instructions take fewer bytes. */
const OTHER_PORTABLE_MIX = mix(1.25, 2.7, 0.15, 0.1);
const M4_PORTABLE_MIX: CostTable["mix"] = {
  conv: mix(1.2, 2.7, 0.08, 0.27),
  winograd: mix(1.2, 2.7, 0.08, 0.27),
  pointwise: mix(1.2, 2.7, 0.08, 0.27),
  depthwise: mix(1.3, 2.7, 0.08, 0.17),
  dense: mix(1.2, 2.7, 0.08, 0.27),
  pool: OTHER_PORTABLE_MIX,
  elementwise: OTHER_PORTABLE_MIX,
  softmax: OTHER_PORTABLE_MIX,
  copy: OTHER_PORTABLE_MIX,
};

/** Cortex-M4 with the DSP kernels, fitted to four models within a tenth (`npm run bench:mcu` prints both). */
const M4_DSP: CostTable = {
  mix: M4_DSP_MIX,
  classes: {
    conv: cost(1.15, 9),
    winograd: cost(0.6, 9),
    pointwise: cost(1.12, 11),
    depthwise: cost(1.6, 2),
    dense: cost(1.37, 12),
    pool: cost(0, 100),
    elementwise: cost(0, 8),
    softmax: cost(0, 350),
    copy: cost(0, 8),
  },
  source:
    "Mote's own code for the four MLPerf Tiny models in QEMU (mps2-an386), instruction mix weighted to cycles without flash wait states",
};

/** Cortex-M4 with the portable kernels, fitted the same way; the base of the cores without the DSP extension. */
const M4_PORTABLE: CostTable = {
  mix: M4_PORTABLE_MIX,
  classes: {
    conv: cost(4, 85),
    winograd: cost(4, 85),
    pointwise: cost(4, 60),
    depthwise: cost(6, 40),
    dense: cost(3.93, 55),
    pool: cost(0, 200),
    elementwise: cost(0, 60),
    softmax: cost(0, 350),
    copy: cost(0, 8),
  },
  source:
    "Mote's portable code for three MLPerf Tiny models in QEMU (mps2-an385), instruction mix weighted to cycles without flash wait states; within a tenth",
};

const M0: CostTable = scaled(
  M4_PORTABLE,
  1.27,
  "the table for portable kernels at 1.27, the ratio of the two in the emulator for three models (1.23 to 1.33): no 32 x 32 -> 64 multiplication, two-address Thumb",
);

/** Vector units of application processors, ONNX Runtime's kernels. */
const APPLICATION: CostTable = {
  classes: {
    conv: cost(0.25, 1),
    winograd: cost(0.25, 1),
    pointwise: cost(0.25, 1),
    depthwise: cost(1, 2),
    dense: cost(0.5, 1),
    pool: cost(0, 4),
    elementwise: cost(0, 2),
    softmax: cost(0, 20),
    copy: cost(0, 0.5),
  },
  source:
    "estimate: int8 through ONNX Runtime's WebAssembly SIMD kernels, one thread, four multiplications a cycle",
};

const TABLES: Record<CoreId, CostTable> = {
  host: APPLICATION,
  "cortex-m0": M0,
  "cortex-m0plus": M0,
  "cortex-m3": scaled(
    M4_PORTABLE,
    1.1,
    "the Cortex-M4 table for portable kernels, 10 % more: the multiply-accumulate takes two cycles",
  ),
  "cortex-m4f": M4_DSP,
  "cortex-m7": scaled(
    M4_DSP,
    0.566,
    "the Cortex-M4 table at 0.566: median ratio of published MLPerf Tiny cycles, same runtime release and model on STM32H7A3 and STM32L4R5 (33 pairs, 0.52 to 0.78; `npm run bench:predict`)",
  ),
  "cortex-m33": scaled(
    M4_DSP,
    0.855,
    "the Cortex-M4 table at 0.855: median ratio of published MLPerf Tiny cycles, same runtime release and model on STM32U575 and STM32L4R5 (33 pairs, 0.75 to 1.21; `npm run bench:predict`)",
  ),
  "cortex-m55": scaled(M4_DSP, 0.9, "the Cortex-M4 table at 0.9, without Helium; estimate"),
  "cortex-m85": scaled(M4_DSP, 0.5, "the Cortex-M4 table at 0.5, without Helium; estimate"),
  riscv32: scaled(
    M4_PORTABLE,
    1.3,
    "the Cortex-M4 table at 1.3: no load with two registers, compare before branch; estimate",
  ),
  "xtensa-lx6": scaled(M4_PORTABLE, 1.2, "the Cortex-M4 table at 1.2; estimate"),
  "xtensa-lx7": scaled(M4_PORTABLE, 1.1, "the Cortex-M4 table at 1.1, without vector instructions; estimate"),
  "cortex-a": APPLICATION,
};

export function costTable(core: CoreId): CostTable {
  return TABLES[core];
}
