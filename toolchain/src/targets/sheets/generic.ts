import { type CoreId, MHZ, type Target } from "../target.js";

/** One per core that Mote writes C for: enough to compile and to count, no claim about a chip. */
const generic = (id: CoreId, title: string, mhz: number): Target => ({
  id,
  title,
  kind: id === "host" ? "host" : "core",
  core: id,
  clockHz: {
    value: mhz * MHZ,
    source: "convention: a round clock that makes cycles and microseconds easy to compare; not a part's",
  },
});

export const GENERIC_TARGETS: readonly Target[] = [
  generic("host", "this machine, with its own C compiler", 1000),
  generic("cortex-m0", "Arm Cortex-M0, ARMv6-M", 48),
  generic("cortex-m3", "Arm Cortex-M3, ARMv7-M", 72),
  generic("cortex-m4f", "Arm Cortex-M4 with FPU, ARMv7E-M (DSP extension)", 100),
  generic("cortex-m7", "Arm Cortex-M7, ARMv7E-M (DSP extension), dual issue", 200),
  generic("cortex-m33", "Arm Cortex-M33, ARMv8-M Mainline (DSP extension)", 100),
  generic("cortex-m55", "Arm Cortex-M55, ARMv8.1-M (Helium)", 100),
  generic("riscv32", "RISC-V RV32IMC", 100),
];
