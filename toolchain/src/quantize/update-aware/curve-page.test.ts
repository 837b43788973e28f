import { describe, expect, it } from "vitest";
import { escapeHtml } from "../../profile/escape-html.js";
import { renderCurve } from "./curve-page.js";
import type { UpdatePoint, UpdateReport } from "./options.js";
import { describeSignOff } from "./sign-off.js";

function point(lambda: number, patchBytes: number, accuracy: number): UpdatePoint {
  const measured = { accuracy, smoothedAccuracy: accuracy, fidelity: 0.99, changedShare: 0.2 };
  return { lambda, patchBytes, residualBytes: patchBytes - 150, ...measured };
}

const curve = [point(1e-3, 1200, 0.91), point(1e-4, 2170, 0.94), point(1e-5, 3100, 0.942)];
const report: UpdateReport = {
  chosen: curve[1]!,
  curve,
  plainAccuracy: 0.942,
  plainPatchBytes: 6377,
  maxLossPoints: 0.2,
  validationSamples: 500,
  measure: "accuracy",
  perClass: {
    "<b>": { plain: 0.9, update: 0.8, samples: 40 },
    seven: { plain: 1, update: 0.99, samples: 60 },
    nine: { plain: 0.9, update: 0.95, samples: 50 },
    ten: { plain: null, update: null, samples: 0 },
  },
  withinLoss: true,
};

describe("the curve of accuracy against bytes", () => {
  it("shows each size that was tried, the chosen one among them, and loads nothing", () => {
    const patch = {
      previous: "v1 & v2.onnx",
      codec: "tensor",
      oldBytes: 17389,
      patchBytes: 2170,
      share: 0.1248,
    };
    const html = renderCurve({
      model: "v2.onnx",
      report,
      newBytes: 17389,
      fullBytes: 11419,
      patches: [patch],
    });
    expect(html.match(/<circle/g)).toHaveLength(3);
    expect(html.match(/class="chosen"/g)).toHaveLength(1);
    for (const text of [
      "2170 B",
      "rounded as ever, 6377 B",
      "whole, compressed, 11419 B",
      "one is 0.20 points",
    ])
      expect(html).toContain(text);
    expect(html).toContain(escapeHtml("v1 & v2.onnx"));
    expect(html).toContain(escapeHtml("<b>"));
    expect(html).not.toMatch(/<script|<b>|https?:|NaN/);
  });
});

describe("what needs signing off", () => {
  it("names the classes that got worse, the worst first", () => {
    expect(describeSignOff(report)).toEqual([
      expect.stringMatching(/another model than the one that was validated/),
      "    <b>: 90.0 -> 80.0 % found, of 40 samples",
      "    seven: 100.0 -> 99.0 % found, of 60 samples",
    ]);
    expect(describeSignOff({ ...report, perClass: {} })).toEqual(["  to sign off: no class got worse"]);
    expect(describeSignOff({ ...report, withinLoss: false })).toEqual([]);
  });
});
