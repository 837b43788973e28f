import type { CoreId } from "./target.js";

/** How to build for a core and where its code can run without a board. */
export interface CoreBuild {
  readonly compiler: string;
  readonly sizeTool: string;
  readonly nmTool: string;
  readonly flags: readonly string[];
  readonly emulator?: { readonly program: string; readonly machine: string };
  /** Debian packages that bring the tools. */
  readonly packages: string;
}

const ARM = { compiler: "arm-none-eabi-gcc", sizeTool: "arm-none-eabi-size", nmTool: "arm-none-eabi-nm" };
const ARM_PACKAGES = "gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm";
const onArm = (flags: string, machine: string): CoreBuild => ({
  ...ARM,
  flags: ["-mthumb", ...flags.split(" ")],
  emulator: { program: "qemu-system-arm", machine },
  packages: ARM_PACKAGES,
});

/** Portable C only; Espressif's compilers come with its own installer. */
const xtensa = (chip: string): CoreBuild => ({
  compiler: `xtensa-${chip}-elf-gcc`,
  sizeTool: `xtensa-${chip}-elf-size`,
  nmTool: `xtensa-${chip}-elf-nm`,
  flags: ["-mlongcalls"],
  packages: "none in Debian; Espressif's tools bring the compiler",
});

/**
 * Cores that have a C target. ARMv6-M code runs on the Cortex-M3 board mps2-an385, because QEMU's only Cortex-M0 board
 * has 16 kB of RAM.
 */
export const CORE_BUILDS: Partial<Record<CoreId, CoreBuild>> = {
  host: { compiler: "cc", sizeTool: "size", nmTool: "nm", flags: [], packages: "gcc" },
  "cortex-m0": onArm("-mcpu=cortex-m0", "mps2-an385"),
  "cortex-m0plus": onArm("-mcpu=cortex-m0plus", "mps2-an385"),
  "cortex-m3": onArm("-mcpu=cortex-m3", "mps2-an385"),
  "cortex-m4f": onArm("-mcpu=cortex-m4 -mfpu=fpv4-sp-d16 -mfloat-abi=hard", "mps2-an386"),
  "cortex-m7": onArm("-mcpu=cortex-m7 -mfpu=fpv5-d16 -mfloat-abi=hard", "mps2-an500"),
  // On the Cortex-M55 board, which runs the same instructions and has memory at 0; QEMU's M33 boards start secure.
  "cortex-m33": onArm("-mcpu=cortex-m33 -mfpu=fpv5-sp-d16 -mfloat-abi=hard", "mps3-an547"),
  "cortex-m55": onArm("-mcpu=cortex-m55 -mfloat-abi=hard", "mps3-an547"),
  riscv32: {
    compiler: "riscv64-unknown-elf-gcc",
    sizeTool: "riscv64-unknown-elf-size",
    nmTool: "riscv64-unknown-elf-nm",
    flags: ["-march=rv32imc", "-mabi=ilp32"],
    packages: "gcc-riscv64-unknown-elf",
  },
  "cortex-m85": {
    ...ARM,
    flags: ["-mthumb", "-mcpu=cortex-m55", "-mfloat-abi=hard"],
    packages: ARM_PACKAGES,
  },
  "xtensa-lx6": xtensa("esp32"),
  "xtensa-lx7": xtensa("esp32s3"),
};
