import { describe, expect, it } from "vitest";
import { PRICES, risingFit, searchPrices } from "./price-search.js";

async function search(isGood: (place: number) => boolean): Promise<{ places: number[]; asked: number }> {
  let asked = 0;
  const places = await searchPrices((place) => {
    asked++;
    return Promise.resolve(isGood(place));
  });
  return { places, asked };
}

describe("the search for the dearest price that is good enough", () => {
  it.each([0, 1, 5, 8, 9, 14, 20, 21])("finds place %i, asking each place once", async (dearest) => {
    const { places, asked } = await search((place) => place >= dearest);
    expect(places).toContain(dearest);
    if (dearest > 0) expect(places.some((place) => place < dearest)).toBe(true);
    expect(asked).toBe(places.length);
    expect(asked).toBeLessThanOrEqual(11);
  });

  it("looks beyond one price that fails by bad luck", async () => {
    const { places } = await search((place) => place >= 6 && place !== 7);
    expect(places).toContain(6);
  });

  it("has tried everything cheap where nothing is good enough", async () => {
    const { places } = await search(() => false);
    expect(places).toContain(PRICES.length - 1);
  });
});

describe("accuracies along the curve", () => {
  it("can only rise: neighbours that fall share their mean", () => {
    expect(risingFit([1, 3, 2, 4])).toEqual([1, 2.5, 2.5, 4]);
    expect(risingFit([5, 1, 3])).toEqual([3, 3, 3]);
    expect(risingFit([])).toEqual([]);
  });
});
