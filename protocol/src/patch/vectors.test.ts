import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { encodePatchHeader } from "./container.js";
import { applyPatch } from "./decoder.js";
import { CONTEXTS } from "./layout.js";
import { makeFullPatch, makeTensorPatch } from "./produce/make-patch.js";
import type { Operation } from "./produce/operation.js";
import { RangeEncoder } from "./produce/range-encoder.js";
import { OperationWriter } from "./produce/writer.js";
import { biasOf, columnAt, multiplierOf, type RecordShape } from "./records.js";
import { perturbModel, randomBytes, seededRandom } from "./test-models.js";

const FOLDER = fileURLToPath(new URL("../../vectors/patch/", import.meta.url));
const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash("sha256").update(bytes).digest());

interface Vector {
  readonly base: Uint8Array;
  readonly result: Uint8Array;
  readonly patch: Uint8Array;
}

/** Each operation with the bytes of base and result that it stands for; all modes of every kind occur. */
function everyOperation(): Vector {
  const random = seededRandom(11);
  const base: number[] = [];
  const result: number[] = [];
  const operations: Operation[] = [];
  const add = (
    olds: readonly number[],
    news: readonly number[],
    make: (offset: number) => Operation,
  ): void => {
    operations.push(make(base.length));
    base.push(...olds);
    result.push(...news.map((byte) => byte & 255));
  };
  const codes = (count: number, scale: number): number[] =>
    Array.from({ length: count }, () => Math.round((random() + random() - 1) * scale));
  const words = (values: readonly number[], isFloat: boolean): number[] => {
    const view = new DataView(new ArrayBuffer(4 * values.length));
    values.forEach((value, i) => {
      if (isFloat) view.setFloat32(4 * i, value, true);
      else view.setInt32(4 * i, value, true);
    });
    return [...new Uint8Array(view.buffer)];
  };

  const text = [...new TextEncoder().encode("bytes that no base has, 0123456789")];
  add([], text, () => ({ kind: "bytes", length: text.length }));
  add([...randomBytes(300, 1)], [...randomBytes(300, 1)], (offset) => ({
    kind: "copyBase",
    offset,
    length: 300,
  }));
  add(
    [],
    Array.from({ length: 40 }, (_, i) => result[result.length - 7 + (i % 7)]!),
    () => ({
      kind: "copyResult",
      distance: 7,
      length: 40,
    }),
  );
  add([], text.slice(0, 9), () => ({ kind: "bytes", length: 9 }));
  for (const depth of [0, 1, 4, 6]) {
    add([], codes(150, 127), () => ({ kind: "int8", length: 150, depth }));
  }
  for (const [step, depth, hasRowFlags] of [
    [1, 3, true],
    [2, 6, false],
    [16, 0, true],
  ] as const) {
    const old = codes(160, 60);
    const residuals = codes(160, 3.4).map((residual, i) => (i >= 32 && i < 64 ? 0 : residual));
    const next = old.map((code, i) => Math.max(-128, Math.min(127, code + step * residuals[i]!)));
    // Where a code is clamped its residual is no multiple of the step any more: take the old code.
    const exact = next.map((code, i) => ((code - old[i]!) % step === 0 ? code : old[i]!));
    const shape = { length: 160, rowLength: 32, ratios: null } as const;
    add(
      old.map((code) => code & 255),
      exact,
      (offset) => ({
        kind: "int8Residual",
        offset,
        records: null,
        ...shape,
        depth,
        step,
        hasRowFlags,
      }),
    );
  }
  const ratios = Int16Array.of(-1000, -37, 0, 64, 1023);
  const old = codes(100, 127);
  const scaled = old.map((code, i) => {
    const value = (code * (1024 + ratios[Math.floor(i / 20)]!) + 512) >> 10;
    return Math.max(-128, Math.min(127, value)) + (i % 9 === 0 ? 1 : 0);
  });
  add(
    old.map((code) => code & 255),
    scaled.map((code) => Math.min(127, code)),
    (offset) => ({
      kind: "int8Residual",
      offset,
      length: 100,
      rowLength: 20,
      depth: 2,
      step: 1,
      hasRowFlags: true,
      ratios,
      records: null,
    }),
  );
  const scales = Array.from({ length: 20 }, () => Math.fround(0.001 + random() / 10));
  const onGrid = scales.map((scale, i) => Math.fround(scale * Math.fround(1 + (i - 10) / 256)));
  add(words(scales, true), words(onGrid, true), (offset) => ({
    kind: "float32Residual",
    offset,
    length: 80,
    isGrid: true,
  }));
  const free = scales.map((scale) => Math.fround(scale * (0.9 + random() / 5)));
  add(words(scales, true), words([...free.slice(1), -1], true), (offset) => ({
    kind: "float32Residual",
    offset,
    length: 80,
    isGrid: false,
  }));
  const biases = [0, 1, -1, 2147483647, -2147483648, ...codes(20, 30_000)];
  const moved = [2147483647, -2147483648, 0, -1, 1, ...biases.slice(5).map((bias) => bias + 8)];
  add(words(biases, false), words(moved, false), (offset) => ({
    kind: "int32Residual",
    offset,
    length: 100,
    shift: 0,
  }));
  const shifted = biases.map((bias, i) => bias + 64 * ((i % 5) - 2));
  add(words(biases, false), words(shifted, false), (offset) => ({
    kind: "int32Residual",
    offset,
    length: 100,
    shift: 6,
  }));
  // Backwards in the base: a negative delta.
  add([], base.slice(100, 200), () => ({ kind: "copyBase", offset: 100, length: 100 }));
  return vectorOf(Uint8Array.from(base), Uint8Array.from(result), operations);
}

/**
 * Words among codes: the two layouts of records that kernels read, every class of word, ratios of both signs, a
 * multiplier that leaves 31 bits, unchanged records, codes that borrow from their neighbour.
 */
function recordsOfWords(): Vector {
  const random = seededRandom(12);
  const integer = (range: number): number => Math.round((random() * 2 - 1) * range);
  const rows = 9;
  const paired: RecordShape = {
    head: 1,
    tail: 4,
    shift: 4,
    ratios: 2,
    isPaired: true,
    columns: [
      { class: "bias", channel: 1 },
      { class: "bias", channel: 0 },
      { class: "multiplier", channel: 0 },
      { class: "multiplier", channel: 1 },
      { class: "plain", channel: 0 },
    ],
  };
  const table: RecordShape = {
    head: 3,
    tail: 0,
    shift: 0,
    ratios: 4,
    isPaired: false,
    columns: [
      { class: "bias", channel: 3 },
      { class: "multiplier", channel: 3 },
      { class: "plain", channel: 0 },
    ],
  };
  const ratio = (row: number): number => [0, 1, -37, 255, -255, 0x7fff, 0, -1, 90][row]!;
  const build = (
    shape: RecordShape,
    codes: number,
    withRatios: boolean,
  ): { old: Uint8Array; next: Uint8Array } => {
    const rowLength = 4 * (shape.head + shape.tail) + codes;
    const old = new DataView(new ArrayBuffer(rows * rowLength));
    const next = new DataView(new ArrayBuffer(rows * rowLength));
    for (let row = 0; row < rows; row++) {
      for (let at = 0; at < rowLength; ) {
        const here = row * rowLength + at;
        const column = shape.columns[columnAt(shape, at, rowLength)];
        if (column === undefined) {
          const code = integer(20);
          old.setInt8(here, code);
          next.setInt8(
            here,
            row === 3 ? code : Math.max(-128, Math.min(127, code + integer(random() < 0.1 ? 200 : 2))),
          );
          at++;
          continue;
        }
        const r = withRatios && row !== 3 ? ratio(row) : 0;
        const word =
          column.class === "bias" ? integer(2 ** 31 - 1) : Math.floor((0.6 + 0.4 * random()) * 2 ** 31);
        old.setInt32(here, word, true);
        const moved =
          column.class === "bias"
            ? biasOf(word, r)
            : column.class === "multiplier"
              ? multiplierOf(word, r)
              : word;
        next.setInt32(here, row === 3 ? word : moved + (r === 0 ? 16 : 1) * integer(90), true);
        at += 4;
      }
    }
    return { old: new Uint8Array(old.buffer), next: new Uint8Array(next.buffer) };
  };
  const parts: { old: Uint8Array; next: Uint8Array; operation: Operation }[] = [];
  let offset = 0;
  for (const [records, codes, withRatios] of [
    [paired, 24, true],
    [{ ...paired, ratios: 0 }, 10, false],
    [table, 0, true],
  ] as const) {
    const { old, next } = build(records, codes, withRatios);
    const rowLength = old.length / rows;
    const count = records.ratios;
    const ratios = Int16Array.from({ length: rows * count }, (_, i) => ratio(Math.floor(i / count)));
    const operation: Operation = {
      kind: "int8Residual",
      offset,
      length: old.length,
      rowLength,
      depth: 3,
      step: 1,
      hasRowFlags: true,
      ratios: withRatios ? ratios : null,
      records,
    };
    parts.push({ old, next, operation });
    offset += old.length;
  }
  return vectorOf(
    Uint8Array.from(parts.flatMap(({ old }) => [...old])),
    Uint8Array.from(parts.flatMap(({ next }) => [...next])),
    parts.map(({ operation }) => operation),
  );
}

/** Scales of weights as bytes, then scales of biases as their products: exact, and a few bits beside it. */
function products(): Vector {
  const random = seededRandom(13);
  const factor = Math.fround(0.0235);
  const scales = Array.from({ length: 12 }, () => Math.fround(0.001 + random() / 10));
  const view = new DataView(new ArrayBuffer(96));
  scales.forEach((scale, i) => {
    view.setFloat32(4 * i, scale, true);
    view.setFloat32(48 + 4 * i, scale * factor, true);
    if (i % 5 === 0) view.setInt32(48 + 4 * i, view.getInt32(48 + 4 * i, true) + i - 3, true);
  });
  return vectorOf(randomBytes(20, 5), new Uint8Array(view.buffer), [
    { kind: "bytes", length: 48 },
    { kind: "float32Product", distance: 48, length: 48, factor },
  ]);
}

function vectorOf(base: Uint8Array, result: Uint8Array, operations: readonly Operation[]): Vector {
  const encoder = new RangeEncoder(CONTEXTS);
  const writer = new OperationWriter(encoder, base, result);
  for (const operation of operations) writer.write(operation);
  const header = encodePatchHeader({
    codec: "tensor",
    baseLength: base.length,
    resultLength: result.length,
    baseSha256: sha256(base),
    resultSha256: sha256(result),
  });
  const payload = encoder.finish();
  return { base, result, patch: new Uint8Array([...header, ...payload]) };
}

function buildVectors(): Record<string, Vector> {
  const base = randomBytes(4096, 21);
  const result = perturbModel(base, 22, 0.1);
  const nothing = new Uint8Array(0);
  return {
    operations: everyOperation(),
    tensor: { base, result, patch: makeTensorPatch(base, result, { sha256 }) },
    full: { base: nothing, result, patch: makeFullPatch(result, { sha256 }) },
    records: recordsOfWords(),
    products: products(),
    empty: { base: nothing, result: nothing, patch: makeFullPatch(nothing, { sha256 }) },
  };
}

describe("shared vectors", () => {
  const vectors = buildVectors();
  if (process.env["MOTE_WRITE_VECTORS"] !== undefined) {
    mkdirSync(FOLDER, { recursive: true });
    for (const [name, vector] of Object.entries(vectors)) {
      for (const part of ["base", "result", "patch"] as const) {
        writeFileSync(`${FOLDER}${name}.${part}`, vector[part]);
      }
    }
  }
  const read = (file: string): Uint8Array => new Uint8Array(readFileSync(FOLDER + file));

  it.each(Object.keys(vectors))("%s decodes to its result", (name) => {
    expect(applyPatch(read(`${name}.base`), read(`${name}.patch`), { sha256 })).toEqual(
      read(`${name}.result`),
    );
  });

  it.each(Object.keys(vectors))("%s is what the encoder makes today", (name) => {
    expect(read(`${name}.patch`)).toEqual(vectors[name]!.patch);
  });
});
