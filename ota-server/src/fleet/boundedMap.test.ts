import { expect, test } from "vitest";
import { BoundedMap } from "./boundedMap.js";

const keysOf = (map: BoundedMap<number, string>, upTo: number) =>
  Array.from({ length: upTo }, (_, key) => key).filter((key) => map.get(key) !== undefined);

test("forgets what was set first, whatever was deleted or set anew in between", () => {
  const map = new BoundedMap<number, string>(3);
  for (const key of [0, 1, 2]) map.set(key, "old");
  map.set(0, "new");
  map.set(3, "new");
  expect(keysOf(map, 9)).toEqual([0, 2, 3]);
  expect(map.get(0)).toBe("new");
  map.delete(2);
  map.set(4, "new");
  expect(keysOf(map, 9)).toEqual([0, 3, 4]);
  map.set(5, "new");
  map.set(6, "new");
  expect(keysOf(map, 9)).toEqual([4, 5, 6]);
});

test("goes on after it was cleared, and for long", () => {
  const map = new BoundedMap<number, string>(10);
  for (let key = 0; key < 25; key++) map.set(key, "one");
  map.clear();
  expect(map.size).toBe(0);
  for (let key = 0; key < 5000; key++) map.set(key, "two");
  expect(map.size).toBe(10);
  expect(keysOf(map, 5000)).toEqual(Array.from({ length: 10 }, (_, i) => 4990 + i));
});
