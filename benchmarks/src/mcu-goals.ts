/**
 * What the same compiler makes of TensorFlow Lite Micro's reference kernels on Cortex-M4F (recorded): portable code for
 * Cortex-M0 is to take half of it.
 */
export const REFERENCE_KERNELS: Readonly<Record<ModelName, number>> = {
  kws: 43.1e6,
  vww: 100e6,
  ic: 107e6,
  ad: 1.95e6,
};

export const MODELS = ["kws", "vww", "ic", "ad"] as const;
export type ModelName = (typeof MODELS)[number];

interface Goal {
  readonly instructions: string;
  readonly cycles: string;
  readonly ram: string;
  readonly code: string;
  /** Best published closed engine on a 120 MHz Cortex-M4 (MLPerf Tiny), in cycles. */
  readonly record: string;
}

/** What we set out to reach on Cortex-M4F; `updatable` may take a fifth more, with dead channels kept. */
export const GOALS: Readonly<Record<ModelName, Goal>> = {
  kws: { instructions: "2.6 M", cycles: "3.5 M", ram: "11 kB", code: "12 kB", record: "5.2 M" },
  vww: { instructions: "4.6 M (8.0)", cycles: "6.3 M", ram: "40 kB", code: "16 kB", record: "10.7 M" },
  ic: { instructions: "8.0-11.5 M", cycles: "11.5-16 M", ram: "36-40 kB", code: "16 kB", record: "19.8 M" },
  ad: { instructions: "0.28 M", cycles: "0.40 M", ram: "1.2-2.2 kB", code: "4 kB", record: "0.49 M" },
};
