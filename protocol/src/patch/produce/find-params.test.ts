import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { applyPatch } from "../decoder.js";
import { multiplierOf } from "../records.js";
import { seededRandom } from "../test-models.js";
import { alignedRanges } from "./aligned-ranges.js";
import { findParamsRanges } from "./find-params.js";
import { makeTensorPatch } from "./make-patch.js";

const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash("sha256").update(bytes).digest());

/** A parameter blob like those of `mote compile`, its weights and biases those of `seed`, every `moved`-th scale moved. */
function blob(layers: (words: Builder) => void): Uint8Array {
  const builder = new Builder();
  layers(builder);
  const bytes = new Uint8Array(4 * (12 + builder.words.length));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x50544f4d, true);
  builder.words.forEach((word, i) => {
    view.setInt32(48 + 4 * i, word, true);
  });
  return bytes;
}

class Builder {
  readonly words: number[] = [];
  readonly #random = seededRandom(3);

  integer(range: number): number {
    return Math.round((this.#random() + this.#random() + this.#random() - 1.5) * range);
  }

  multiplier(): number {
    return Math.floor((0.5 + this.#random()) * 2 ** 29);
  }

  code(): number {
    return Math.max(-127, Math.min(127, this.integer(70)));
  }

  /** One word of two channels' codes. */
  pair(): number {
    const half = (): number => (256 * this.code() + this.code()) & 0xffff;
    return half() | (half() << 16);
  }
}

const matrix = (builder: Builder, records: number, codeWords: number): void => {
  for (let i = 0; i < records; i++) {
    builder.words.push(builder.integer(2 ** 22));
    for (let k = 0; k < codeWords; k++) builder.words.push(builder.pair());
    builder.words.push(builder.integer(2 ** 22), builder.multiplier(), builder.multiplier());
  }
};

const depthwise = (builder: Builder, channels: number): void => {
  for (let i = 0; i < channels; i++) {
    for (let k = 0; k < 4; k++)
      builder.words.push(((256 * builder.code()) & 0xffff) | ((256 * builder.code()) << 16));
    builder.words.push((256 * builder.code()) & 0xffff, builder.integer(2 ** 22), builder.multiplier(), 0, 0);
  }
};

const table = (builder: Builder, channels: number, taps: number): void => {
  builder.words.push(-128, 3, -128, 127);
  for (let i = 0; i < channels; i++) {
    builder.words.push(builder.integer(40_000), 2 ** 30 + Math.abs(builder.integer(2 ** 28)), -8);
  }
  for (let i = 0; i < (channels * taps) / 4; i++)
    builder.words.push((builder.pair() << 16) | (builder.pair() & 0xffff));
};

const shapes = (bytes: Uint8Array): (number | undefined)[][] =>
  findParamsRanges(bytes)!.map(({ offset, length, rowLength, records }) => [
    offset,
    length,
    rowLength,
    records?.columns.length,
  ]);

describe("layout of a parameter blob", () => {
  const dsp = blob((builder) => {
    builder.words.push(998277249, -128, 998244352, -128, 0);
    matrix(builder, 16, 13);
    builder.words.push(0);
    depthwise(builder, 32);
    matrix(builder, 24, 16);
  });
  const portable = blob((builder) => {
    builder.words.push(998277249, -128, 998244352, -128);
    table(builder, 12, 24);
    table(builder, 20, 108);
  });

  it("records of the DSP kernels", () => {
    const first = 48 + 20;
    const second = first + 16 * 17 * 4 + 4;
    expect(shapes(dsp)).toEqual([
      [first, 16 * 68, 68, 4],
      [second, 32 * 36, 36, 4],
      [second + 32 * 36, 24 * 80, 80, 4],
    ]);
  });

  it("tables and weights of the portable kernels", () => {
    const first = 48 + 16 + 16;
    const second = first + 12 * 12 + 12 * 24 + 16;
    const ranges = shapes(portable);
    expect(ranges[0]).toEqual([first, 144, 12, 3]);
    expect(ranges[2]).toEqual([second, 240, 12, 3]);
    expect(ranges[3]).toEqual([second + 240, 20 * 108, 108, undefined]);
  });

  it("no other file has one, and a blob without layers an empty one", () => {
    expect(findParamsRanges(new Uint8Array(100))).toBeNull();
    expect(shapes(blob(() => undefined))).toEqual([]);
  });

  it.each([
    ["DSP", dsp],
    ["portable", portable],
  ])("%s: moved scales and a few changed codes cost less than place by place", (_name, base) => {
    const next = base.slice();
    const view = new DataView(next.buffer);
    const random = seededRandom(9);
    for (const { offset, length, rowLength, records } of findParamsRanges(base)!) {
      for (let row = offset; row < offset + length; row += rowLength) {
        const columns = records?.columns ?? [];
        columns.forEach(({ class: named }, i) => {
          const behind = columns.length - i;
          const at = i < (records?.head ?? 0) ? row + 4 * i : row + rowLength - 4 * behind;
          if (named === "bias")
            view.setInt32(at, view.getInt32(at, true) + 256 * Math.round(8 * random()), true);
          if (named === "multiplier" && random() < 0.3) {
            view.setUint32(at, multiplierOf(view.getUint32(at, true), 9), true);
          }
        });
        if (columns.length === 0 && random() < 0.5) next[row + 1]! += 1;
      }
    }
    const patch = makeTensorPatch(base, next, { sha256 });
    expect(applyPatch(base, patch, { sha256 })).toEqual(next);
    // The same file without its magic has no layout.
    const [plainBase, plainNext] = [base.slice(), next.slice()];
    plainBase[0] = 0;
    plainNext[0] = 0;
    expect(alignedRanges(plainBase, plainNext)).toHaveLength(1);
    expect(patch.length - 80).toBeLessThan(
      0.75 * (makeTensorPatch(plainBase, plainNext, { sha256 }).length - 80),
    );
  });
});
