import { expect, it } from "vitest";
import { evaluationHtml } from "./html.js";
import { classify } from "./metrics.js";

it("shows accuracy, classes, confusion and layers in one page that needs nothing else", () => {
  const scores = classify([0, 0, 1, 1], [0, 1, 1, 1], 2, ["cat", "<b>dog</b>"]);
  const html = evaluationHtml("digits & co", {
    ...scores,
    predicted: Int32Array.of(0, 1, 1, 1),
    agreement: 0.5,
    layers: [
      { tensor: "conv", operator: "conv2d", sqnrDb: 12.34, greatestError: 1 },
      { tensor: "out", operator: "softmax", sqnrDb: null, greatestError: 0 },
    ],
  });
  expect(html).toContain("75.00 %");
  expect(html).toContain("12.3 dB");
  expect(html).toContain("exact");
  expect(html).toContain("digits &#38; co");
  expect(html).not.toContain("<b>dog</b>");
  expect(html).not.toMatch(/https?:|<script|<link/);
});
