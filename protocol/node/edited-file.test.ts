import { describe, expect, it } from "vitest";
import { parseEdited } from "./edited-file.js";

describe("a file that people edit", () => {
  const text = "product: digits\nwaves:\n  - name: canary\n    share: two\n  - { name: all }\n# end\n";

  it("says on which line something stands", () => {
    const { value, place } = parseEdited(text);
    expect(value).toEqual({ product: "digits", waves: [{ name: "canary", share: "two" }, { name: "all" }] });
    expect(place("/product")).toBe("line 1");
    expect(place("/waves/0/share")).toBe("line 4");
  });

  it("says in what something is missing, and nothing of what it never spoke of", () => {
    const { place } = parseEdited(text);
    expect(place("/waves/1/share")).toBe("line 5");
    expect(place("/gates/deadlineS")).toBeNull();
    expect(place("/")).toBeNull();
  });

  it("reads JSON and an empty file", () => {
    expect(parseEdited('{\n "a/b": {"c": 1}\n}').place("/a~1b/c")).toBe("line 2");
    expect(parseEdited("").value).toBeNull();
  });

  it("names the line of what it can't read", () => {
    expect(() => parseEdited("a: 1\nb: [2\n")).toThrow(/^line [23]: /);
    expect(() => parseEdited("a: 1\na: 2\n")).toThrow(/^line 2: /);
  });
});
