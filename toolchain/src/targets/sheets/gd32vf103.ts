import { KIB, MHZ, type Target } from "../target.js";

const SHEET = "GigaDevice GD32VF103 Datasheet, device overview";

export const GD32VF103: Target = {
  id: "gd32vf103",
  title: "GigaDevice GD32VF103, RISC-V RV32IMAC 108 MHz",
  kind: "mcu",
  core: "riscv32",
  clockHz: { value: 108 * MHZ, source: SHEET },
  ramBytes: { value: 32 * KIB, source: SHEET },
  flashBytes: { value: 128 * KIB, source: SHEET },
};
