/** What a model takes besides its parameters and arena. */

/** The updater's journal in flash: two erase blocks of 4 KiB, so that one is whole at any power cut. */
export const SLOT_JOURNAL_BYTES = 8192;

export const MCU_FOOTPRINT = {
  /** Deepest stack of generated code, measured in the emulator, rounded up. */
  stackBytes: 512,
  /** The updater keeps slot and floor in flash; generated code has no state of its own. */
  stateBytes: 0,
  /** Machine code per byte of generated C and of generated assembly, fitted to four models. */
  codeBytesPerSourceByte: 0.23,
  codeBytesPerAssemblyByte: 0.155,
  source:
    "code is estimated from the size of the source until a compiler has measured it (`mote compile`), stack is the deepest seen in the emulator, rounded up",
} as const;

export const RUNTIME_FOOTPRINT = {
  ramBytes: 174_000_000,
  flashBytes: 14_300_000,
  source:
    "onnxruntime-web 1.30: the three files that it needs and the least resident memory seen after creating a session",
} as const;
