import type { UpdateReport } from "../update/report.js";
import { CONFIDENCE_BINS, type TelemetryFrame } from "./frame.js";

/** A whole, valid frame and report, for tests. */

export const exampleFrame: TelemetryFrame = {
  sequence: 7,
  windowStartMs: 1_795_000_000_000,
  windowMs: 60_000,
  releaseSequence: 2,
  onProbation: false,
  inferences: 30,
  errors: 1,
  abstained: 2,
  latencyUs: { mean: 900, p95: 1200, max: 2000 },
  energyUj: 0,
  confidence: Array.from({ length: CONFIDENCE_BINS }, (_, i) => (i === 18 ? 29 : 0)),
  outputs: [10, 19],
  probes: { seen: 3, correct: 2 },
  batteryPercent: 80,
  temperatureC: null,
};

export const exampleReport: UpdateReport = {
  id: "0a1b2c3d-1",
  offerId: "r1:update",
  atMs: 0,
  phase: "confirmed",
  code: "ok",
  runningSequence: 2,
  targetSequence: 2,
  artifactSha256: "ab".repeat(32),
  downloadedBytes: 1234,
  codec: "tensor",
  detail: "",
};
