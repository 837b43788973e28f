import { expect, test } from "vitest";
import { DRAW_MODULUS, drawOf, drawsAt, placeOf, shuffleOf } from "./draw.js";

test("finds the draw of every place again", () => {
  const draws = [0, 1, DRAW_MODULUS - 1, ...Array.from({ length: 50 }, (_, i) => drawOf(`cam-${i}`))];
  for (const salt of ["r1", "r2-abc", ""]) {
    const shuffle = shuffleOf(salt);
    const places = draws.map((draw) => placeOf(shuffle, draw));
    expect(drawsAt(shuffle, places)).toEqual(draws);
  }
});
