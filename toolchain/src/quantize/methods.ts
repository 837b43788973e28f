/** Ways to choose the range that a tensor's codes cover from the values that calibration saw. */
export const CALIBRATION_METHODS = ["minmax", "percentile", "entropy", "mse"] as const;
export type CalibrationMethod = (typeof CALIBRATION_METHODS)[number];
