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
import {
  biasOf,
  codeOf,
  laneAt,
  lanesOf,
  multiplierOf,
  PLAIN_FORM,
  type RowForm,
  wordsBefore,
  wordsBehind,
  wordsOf,
} from "./row-form.js";
import { perturbModel, randomBytes, seededRandom } from "./test-models.js";

const FOLDER = fileURLToPath(new URL("../../vectors/patch/", import.meta.url));
const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash("sha256").update(bytes).digest());

interface Vector {
  readonly base: Uint8Array;
  readonly result: Uint8Array;
  readonly patch: Uint8Array;
}

const CODES = {
  kind: "codes",
  offset: null,
  form: PLAIN_FORM,
  depth: 3,
  hasFlags: false,
  keeps: true,
  ratios: null,
} as const;
const WORDS = { kind: "words", dtype: "int32", shift: 0, isGrid: false } as const;

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
    add([], codes(150, 127), () => ({
      ...CODES,
      length: 150,
      rowLength: 150,
      depth,
      keeps: depth > 1,
    }));
  }
  for (const [depth, hasFlags, keeps] of [
    [3, true, true],
    [6, false, false],
    [0, true, true],
  ] as const) {
    const old = codes(160, 60);
    const next = old.map((code, i) => code + (i >= 32 && i < 64 ? 0 : Math.round(3 * random() - 1.5)));
    add(
      old.map((code) => code & 255),
      next,
      (offset) => ({
        ...CODES,
        offset,
        length: 160,
        rowLength: 32,
        depth,
        hasFlags,
        keeps,
      }),
    );
  }
  const ratios = Int16Array.of(-200, -9, 0, 16, 0x7fff);
  const old = codes(100, 127);
  const moved = old.map((code, i) => codeOf(code, ratios[Math.floor(i / 20)]!) + (i % 9 === 0 ? 1 : 0));
  add(
    old.map((code) => code & 255),
    moved,
    (offset) => ({
      ...CODES,
      offset,
      length: 100,
      rowLength: 20,
      depth: 2,
      form: { ...PLAIN_FORM, keepsValues: true },
      hasFlags: true,
      ratios,
    }),
  );
  const scales = Array.from({ length: 20 }, () => Math.fround(0.001 + random() / 10));
  const onGrid = scales.map((scale, i) => Math.fround(scale * Math.fround(1 + (i - 10) / 256)));
  add(words(scales, true), words(onGrid, true), (offset) => ({
    ...WORDS,
    offset,
    length: 80,
    dtype: "float32",
    isGrid: true,
  }));
  const free = scales.map((scale) => Math.fround(scale * (0.9 + random() / 5)));
  add(words(scales, true), words([...free.slice(1), -1], true), (offset) => ({
    ...WORDS,
    offset,
    length: 80,
    dtype: "float32",
  }));
  const biases = [0, 1, -1, 2147483647, -2147483648, ...codes(20, 30_000)];
  const others = [2147483647, -2147483648, 0, -1, 1, ...biases.slice(5).map((bias) => bias + 8)];
  add(words(biases, false), words(others, false), (offset) => ({ ...WORDS, offset, length: 100 }));
  const shifted = biases.map((bias, i) => bias + 64 * ((i % 5) - 2));
  add(words(biases, false), words(shifted, false), (offset) => ({ ...WORDS, offset, length: 100, shift: 6 }));
  // Backwards in the base: a negative delta.
  add([], base.slice(100, 200), () => ({ kind: "copyBase", offset: 100, length: 100 }));
  return vectorOf(Uint8Array.from(base), Uint8Array.from(result), operations);
}

const WORD_FORM = { hasHead: true, extras: 0, extrasFollow: false, shift: 4 } as const;

/** Forms as kernels have them, and others that the bits can say. */
const FORMS: readonly { readonly form: RowForm; readonly codes: number; readonly ratio: boolean }[] = [
  { form: { ...PLAIN_FORM, codes: "pairs", channels: 2, words: WORD_FORM }, codes: 24, ratio: true },
  { form: { ...PLAIN_FORM, codes: "pairs", channels: 4, words: WORD_FORM }, codes: 16, ratio: false },
  {
    form: {
      ...PLAIN_FORM,
      codes: "pairs",
      keepsValues: true,
      words: { ...WORD_FORM, extras: 2, extrasFollow: true },
    },
    codes: 20,
    ratio: true,
  },
  { form: { ...PLAIN_FORM, words: { ...WORD_FORM, hasHead: false, extras: 1 } }, codes: 0, ratio: true },
  { form: { ...PLAIN_FORM, channels: 4, isLifted: true, keepsValues: true }, codes: 32, ratio: true },
  {
    form: { ...PLAIN_FORM, channels: 4, words: { ...WORD_FORM, extras: 3, extrasFollow: true, shift: 0 } },
    codes: 10,
    ratio: false,
  },
];
const ROWS = 9;

/**
 * Rows in every form, with a base and without: every class of word, ratios of both signs, a multiplier that leaves 31
 * bits, unchanged channels, codes that borrow from their neighbour.
 */
function rowsOfEveryForm(): Vector {
  const random = seededRandom(12);
  const integer = (range: number): number => Math.round((random() * 2 - 1) * range);
  const ratioOf = (row: number): number => [0, 1, -37, 255, -255, 0x7fff, 0, -1, 90][row]!;
  const build = (form: RowForm, codes: number, hasRatios: boolean): { old: Uint8Array; next: Uint8Array } => {
    const before = 4 * wordsBefore(form);
    const rowLength = before + codes + 4 * wordsBehind(form);
    const old = new DataView(new ArrayBuffer(ROWS * rowLength));
    const next = new DataView(new ArrayBuffer(ROWS * rowLength));
    for (let row = 0; row < ROWS; row++) {
      const ratio = hasRatios ? ratioOf(row) : 0;
      for (let i = 0; i < codes; i++) {
        const here = row * rowLength + before + i;
        const code = integer(20);
        const isStill = row % 3 === 2 && laneAt(form, i) < lanesOf(form) - (row % 2);
        const moved = code + (isStill ? 0 : integer(random() < 0.1 ? 200 : 2));
        old.setInt8(here, code ^ (form.isLifted ? 128 : 0));
        next.setInt8(here, Math.max(-128, Math.min(127, moved)) ^ (form.isLifted ? 128 : 0));
      }
      wordsOf(form).forEach((word, i) => {
        const here = row * rowLength + (4 * i < before ? 0 : codes) + 4 * i;
        const value = word.class === "bias" ? integer(2 ** 30) : Math.floor((0.6 + 0.4 * random()) * 2 ** 31);
        const moved =
          word.class === "bias"
            ? biasOf(value, ratio)
            : word.class === "multiplier"
              ? multiplierOf(value, ratio)
              : value;
        old.setInt32(here, value, true);
        next.setInt32(here, moved + (ratio === 0 ? 16 : 1) * integer(row === 3 ? 0 : 90), true);
      });
    }
    return { old: new Uint8Array(old.buffer), next: new Uint8Array(next.buffer) };
  };
  const olds: number[] = [];
  const news: number[] = [];
  const operations: Operation[] = [];
  FORMS.forEach(({ form, codes, ratio }, i) => {
    const { old, next } = build(form, codes, ratio);
    const count = form.channels;
    const shape = { ...CODES, length: old.length, rowLength: old.length / ROWS, form, hasFlags: true };
    operations.push({
      ...shape,
      offset: olds.length,
      keeps: i > 1,
      ratios: ratio
        ? Int16Array.from({ length: ROWS * count }, (_, k) => ratioOf(Math.floor(k / count)))
        : null,
    });
    olds.push(...old);
    // Once more without a base; an unshifted bias then.
    const words = form.words === null ? null : { ...form.words, shift: 0 };
    operations.push({ ...shape, form: { ...form, words } });
    news.push(...next, ...next);
  });
  return vectorOf(Uint8Array.from(olds), Uint8Array.from(news), operations);
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
    { kind: "product", distance: 48, length: 48, factor },
  ]);
}

function vectorOf(base: Uint8Array, result: Uint8Array, operations: readonly Operation[]): Vector {
  const encoder = new RangeEncoder(CONTEXTS);
  const writer = new OperationWriter(encoder, base, result);
  for (const operation of operations) writer.write(operation);
  const header = encodePatchHeader({
    codec: "tensor",
    resultLength: result.length,
    baseDigest: sha256(base),
    resultDigest: sha256(result),
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
    rows: rowsOfEveryForm(),
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
