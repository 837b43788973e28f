import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "./canonical-json.js";
import { MAX_JSON_DEPTH } from "./limits.js";

describe("OLPC canonical JSON", () => {
  it.each<[string, unknown, string]>([
    ["sorts members and leaves no space", { b: 1, a: [true, null, "x"] }, '{"a":[true,null,"x"],"b":1}'],
    ["escapes only the backslash and the quote", '\\ " \n é', '"\\\\ \\" \n é"'],
    ["sorts by code unit, capitals first", { a: 1, B: 2, _: 3, é: 4 }, '{"B":2,"_":3,"a":1,"é":4}'],
    ["writes negative zero as zero", -0, "0"],
    ["writes empty things", { a: {}, b: [] }, '{"a":{},"b":[]}'],
  ])("%s", (_, value, expected) => {
    expect(canonicalJson(value)).toBe(expected);
  });

  it("refuses fractions, unsafe integers, undefined, and nesting without end", () => {
    for (const value of [0.5, 2 ** 53, Number.NaN, undefined, { a: undefined }, [() => 1]]) {
      expect(() => canonicalJson(value)).toThrow(RangeError);
    }
    let deep: unknown = 0;
    for (let i = 0; i <= MAX_JSON_DEPTH; i++) deep = [deep];
    expect(() => canonicalJson(deep)).toThrow(RangeError);
  });

  it("does not depend on the order of members", () => {
    const document = fc.dictionary(fc.string(), fc.oneof(fc.integer(), fc.string(), fc.boolean()));
    fc.assert(
      fc.property(document, (value) => {
        const reversed = Object.fromEntries(Object.entries(value).reverse());
        expect(canonicalJson(reversed)).toBe(canonicalJson(value));
      }),
    );
  });
});
