/** A number and where it comes from; a sheet without a source for a fact leaves the fact out. */
export interface Fact<T> {
  readonly value: T;
  /** Document and table, measurement with its command, or "estimate: …" with the reasoning. */
  readonly source: string;
}

export interface FlashTiming {
  /** Cycles that one access waits. */
  readonly waitStates: number;
  /** Bytes that one access brings. */
  readonly lineBytes: number;
}

export type CoreId =
  | "host"
  | "cortex-m0"
  | "cortex-m0plus"
  | "cortex-m3"
  | "cortex-m4f"
  | "cortex-m7"
  | "cortex-m33"
  | "cortex-m55"
  | "cortex-m85"
  | "riscv32"
  | "xtensa-lx6"
  | "xtensa-lx7"
  | "cortex-a";

export type TargetKind = "host" | "core" | "mcu" | "phone" | "gateway";

/** The data sheet of one target. A generic core has a core and little else; a part has what its budget needs. */
export interface Target {
  /** What `--target` takes. */
  readonly id: string;
  readonly title: string;
  readonly kind: TargetKind;
  readonly core: CoreId;
  readonly clockHz: Fact<number>;
  readonly ramBytes?: Fact<number>;
  readonly flashBytes?: Fact<number>;
  /** While computing, whole chip. */
  readonly activePowerW?: Fact<number>;
  /** Between inferences, with RAM retained. */
  readonly sleepPowerW?: Fact<number>;
  /** At the stated clock; left out where code runs from memory without wait states, or where nobody says. */
  readonly flash?: Fact<FlashTiming>;
  readonly batteryJ?: Fact<number>;
}

export const KIB = 1024;
export const MIB = 1024 * 1024;
export const MHZ = 1e6;
/** Joules in a battery of `mah` at `volt`. */
export const batteryJoules = (mah: number, volt: number): number => mah * 3.6 * volt;
