import { expect, it } from "vitest";
import { evaluationHtml } from "./html.js";
import { classify } from "./metrics.js";

const CONV = {
  tensor: "conv",
  operator: "conv2d",
  sqnrDb: 12.34,
  inputSqnrDb: 40,
  lossDb: 27.66,
  greatestError: 1,
};

it("shows accuracy, classes, confusion and layers in one page that needs nothing else", () => {
  const scores = classify([0, 0, 1, 1], [0, 1, 1, 1], 2, ["cat", "<b>dog</b>"]);
  const html = evaluationHtml("digits & co", {
    ...scores,
    predicted: Int32Array.of(0, 1, 1, 1),
    agreement: 0.5,
    layers: [CONV, { ...CONV, tensor: "out", operator: "softmax", sqnrDb: null, lossDb: 0 }],
    suspects: [CONV],
    slices: { light: { "<i>night</i>": { samples: 2, accuracy: 0.5, accuracyLow: 0.1, accuracyHigh: 0.9 } } },
  });
  expect(html).toContain("75.00 %");
  expect(html).toContain("12.3 dB");
  expect(html).toContain("exact");
  expect(html).toContain("digits &#38; co");
  expect(html).not.toContain("<b>dog</b>");
  expect(html).toContain("Most is lost in conv2d &#34;conv&#34;: 40.0 dB before it, 12.3 dB after.");
  expect(html).toContain("By light");
  expect(html).not.toContain("<i>night</i>");
  expect(html).not.toMatch(/https?:|<script|<link/);
});
