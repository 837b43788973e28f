import { describe, expect, it } from "vitest";
import { Probation } from "./probation.js";

const criteria = { probationInferences: 10, probationS: 2, maxErrorShare: 0.1, maxLatencyUs: 1000 };

function after(ok: number, errors: number, latencyUs = 500): Probation {
  const probation = new Probation(criteria, 0);
  for (let i = 0; i < errors; i++) probation.error("broken");
  for (let i = 0; i < ok; i++) probation.ok(latencyUs);
  return probation;
}

describe("probation", () => {
  it("confirms only after both its inferences and its time", () => {
    expect(after(10, 0).verdict(1999).kind).toBe("undecided");
    expect(after(9, 0).verdict(60_000).kind).toBe("undecided");
    expect(after(10, 0).verdict(2000).kind).toBe("healthy");
  });

  it("never ends by silence", () => {
    expect(after(0, 0).verdict(1e9).kind).toBe("undecided");
  });

  it("ends as soon as perfect inferences could no longer save it", () => {
    expect(after(0, 1).verdict(0).kind).toBe("undecided");
    expect(after(0, 2).verdict(0)).toMatchObject({ kind: "unhealthy", code: "unhealthy-errors" });
  });

  it("allows the share of errors that the update allows", () => {
    expect(after(9, 1).verdict(2000).kind).toBe("healthy");
    expect(after(8, 2).verdict(2000).kind).toBe("unhealthy");
  });

  it("judges latency by the median, without the first few", () => {
    const spiky = new Probation(criteria, 0);
    for (let i = 0; i < 12; i++) spiky.ok(i < 3 || i === 7 ? 1_000_000 : 900);
    expect(spiky.verdict(2000).kind).toBe("healthy");
    expect(after(12, 0, 1001).verdict(2000)).toMatchObject({ kind: "unhealthy", code: "unhealthy-latency" });
  });
});
