import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { fromHex } from "../bytes.js";
import { PatchLayoutError, SchemaError } from "../errors.js";
import { applyPatch } from "./decoder.js";
import { type ParamsLayout, type ParamsRange, parseParamsLayout } from "./params-layout.js";
import { makeFullPatch, makeTensorPatch } from "./produce/make-patch.js";
import { findTensorRanges } from "./produce/ranges.js";
import { encodeForm, PLAIN_FORM } from "./row-form.js";
import { seededRandom } from "./test-models.js";

const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash("sha256").update(bytes).digest());
const ARCHITECTURE = "ab".repeat(32);
const MATRIX = encodeForm({
  ...PLAIN_FORM,
  codes: "pairs",
  channels: 2,
  words: { hasHead: true, extras: 0, extrasFollow: false, shift: 0 },
});
const RECORD_WORDS = 36;
const RECORDS = 24;
const RANGES: ParamsRange[] = [
  { at: 48, count: 2, dtype: "int32" },
  { at: 56, rows: RECORDS, rowBytes: 4 * RECORD_WORDS, form: MATRIX },
];
const PARAM_BYTES = 56 + 4 * RECORD_WORDS * RECORDS;
const LAYOUT: ParamsLayout = {
  schema: "mote.params-layout/1",
  architectureHash: ARCHITECTURE,
  paramBytes: PARAM_BYTES,
  ranges: RANGES,
};

/** Records of a matrix kernel: a bias, codes in pairs, a bias, two multipliers; each bias moved, a few codes as well. */
function blob(seed: number): Uint8Array {
  const bytes = new Uint8Array(PARAM_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set([0x4d, 0x4f, 0x54, 0x50]);
  bytes.set(fromHex(ARCHITECTURE), 16);
  const still = seededRandom(1);
  const moving = seededRandom(seed);
  const code = (): number => Math.round(80 * (still() - 0.5)) + (moving() < 0.05 ? 1 : 0);
  for (let at = 56; at < PARAM_BYTES; at += 4) {
    const word = ((at - 56) / 4) % RECORD_WORDS;
    if (word === 0 || word === RECORD_WORDS - 3) {
      view.setInt32(at, 77 + 256 * (Math.round(1e5 * (still() - 0.5)) + Math.round(40 * moving())), true);
    } else if (word > RECORD_WORDS - 3) view.setInt32(at, Math.round(2 ** 30 * (1 + still())), true);
    else for (const half of [0, 2]) view.setInt16(at + half, 256 * code() + code(), true);
  }
  return bytes;
}

const base = blob(2);
const next = blob(3);
const bytesWith = (layouts: readonly ParamsLayout[]): number => {
  const patch = makeTensorPatch(base, next, { sha256, layouts });
  expect(applyPatch(base, patch, { sha256 })).toEqual(next);
  return patch.length;
};

describe("layout of parameters", () => {
  it("is what a blob of its architecture and length is read by, and no other file", () => {
    expect(findTensorRanges(base, [LAYOUT]).map(({ offset, length }) => [offset, length])).toEqual([
      [48, 8],
      [56, PARAM_BYTES - 56],
    ]);
    expect(findTensorRanges(base, [])).toEqual([]);
    expect(findTensorRanges(base.subarray(0, PARAM_BYTES - 4), [LAYOUT])).toEqual([]);
    expect(findTensorRanges(base, [{ ...LAYOUT, architectureHash: "cd".repeat(32) }])).toEqual([]);
  });

  it("makes patches smaller, and the file alone", () => {
    expect(bytesWith([LAYOUT])).toBeLessThan(0.9 * bytesWith([]));
    const full = (layouts: readonly ParamsLayout[]) => makeFullPatch(next, { sha256, layouts });
    expect(applyPatch(new Uint8Array(0), full([LAYOUT]), { sha256 })).toEqual(next);
    expect(full([LAYOUT]).length).toBeLessThan(full([]).length);
  });

  it.each([
    ["codes where words are", [{ at: 48, rows: 1, rowBytes: PARAM_BYTES - 48, form: 0 }]],
    ["rows of another length", [{ at: 52, rows: 20, rowBytes: 132, form: MATRIX }]],
    ["numbers where codes are", [{ at: 48, count: (PARAM_BYTES - 48) / 4, dtype: "float32" }]],
  ] as [string, ParamsRange[]][])("a wrong one (%s) costs bytes, never the result", (_name, ranges) => {
    expect(bytesWith([{ ...LAYOUT, ranges }])).toBeLessThan(1.05 * bytesWith([]));
  });

  it("one that can't be is refused, naming the range", () => {
    const parse = (ranges: readonly object[]) => parseParamsLayout(JSON.stringify({ ...LAYOUT, ranges }));
    expect(parse(RANGES)).toEqual(LAYOUT);
    expect(() => parse([RANGES[1]!, RANGES[0]!])).toThrow(PatchLayoutError);
    expect(() => parse([{ at: PARAM_BYTES - 4, count: 2, dtype: "int32" }])).toThrow("range 0");
    expect(() => parse([{ at: 48, rows: 4, rowBytes: 12, form: MATRIX }])).toThrow("rows of at least 16 B");
    expect(() => parse([{ at: 48, rows: 4, rowBytes: 16, form: 3 }])).toThrow("a form of rows");
    expect(() => parse([{ at: 48, rows: 0, rowBytes: 16, form: 0 }])).toThrow(SchemaError);
    expect(() => parseParamsLayout("{")).toThrow(PatchLayoutError);
  });
});
