import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Dataset } from "@mote/toolchain/data/index";
import { Random } from "@mote/toolchain/train/random";

/**
 * Inputs for the MLPerf Tiny models, whose data sets may not be passed on. The two real samples at hand are varied;
 * the rest is drawn: images of "dead leaves" (overlapping discs of all sizes, which have the edges, the flat parts and
 * the 1/f^2 spectrum of photographs: Lee, Mumford, Huang 2001), spectra of machines as harmonics over sloped noise.
 */
export interface Drawing {
  readonly shape: readonly number[];
  draw(random: Random): Float32Array;
}

/** `count` samples from one seed. */
export function drawn({ shape, draw }: Drawing, count: number, seed: number): Dataset {
  const random = new Random(seed);
  const samples = Array.from({ length: count }, () => draw(random));
  return { count, sampleShape: shape, sample: (i) => samples[i]! };
}

/** Images [side, side, 3] from 0 to `most`. A third are the given photograph, cut, mirrored, tinted and lit anew. */
export function images(side: number, most: number, photograph: Float32Array | null): Drawing {
  return {
    shape: [side, side, 3],
    draw(random) {
      const scene =
        photograph !== null && random.float() < 1 / 3
          ? cutOut(photograph, side, random)
          : leaves(side, random);
      const [contrast, light] = [random.between(0.4, 1.1), random.between(-0.2, 0.25)];
      const grain = random.between(0, 0.05);
      return scene.map((value) => {
        const lit = (value - 0.5) * contrast + 0.5 + light + grain * (random.float() + random.float() - 1);
        // Cameras give 256 levels.
        return (Math.round(255 * Math.min(Math.max(lit, 0), 1)) / 255) * most;
      });
    },
  };
}

/** Discs of radius r with density r^-3, each of one colour, the later ones in front. */
function leaves(side: number, random: Random): Float32Array {
  const out = new Float32Array(side * side * 3);
  const [least, greatest] = [1.5, side / 2];
  for (let n = 0; n < 4 * side; n++) {
    const u = random.float();
    const radius = 1 / Math.sqrt(u / least ** 2 + (1 - u) / greatest ** 2);
    const [cx, cy] = [random.between(-radius, side + radius), random.between(-radius, side + radius)];
    const grey = random.float();
    const colour = [0, 1, 2].map(() => Math.min(Math.max(grey + random.between(-0.25, 0.25), 0), 1));
    const [top, bottom] = [Math.max(0, Math.ceil(cy - radius)), Math.min(side - 1, Math.floor(cy + radius))];
    for (let y = top; y <= bottom; y++) {
      const half = Math.sqrt(radius ** 2 - (y - cy) ** 2);
      for (let x = Math.max(0, Math.ceil(cx - half)); x <= Math.min(side - 1, cx + half); x++) {
        for (let c = 0; c < 3; c++) out[(y * side + x) * 3 + c] = colour[c]!;
      }
    }
  }
  return out;
}

/** A square part of a grey photograph (0 … 1) at some scale, perhaps mirrored, with a tint. */
function cutOut(photograph: Float32Array, side: number, random: Random): Float32Array {
  const size = Math.round(Math.sqrt(photograph.length));
  const extent = random.between(0.5, 1) * size;
  const [left, top] = [random.between(0, size - extent), random.between(0, size - extent)];
  const isMirrored = random.float() < 0.5;
  const tint = [0, 1, 2].map(() => random.between(0.85, 1.15));
  const out = new Float32Array(side * side * 3);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const across = isMirrored ? side - 1 - x : x;
      const row = Math.min(Math.floor(top + (y * extent) / side), size - 1);
      const column = Math.min(Math.floor(left + (across * extent) / side), size - 1);
      for (let c = 0; c < 3; c++) out[(y * side + x) * 3 + c] = photograph[row * size + column]! * tint[c]!;
    }
  }
  return out;
}

/** 49 frames of 10 cepstral coefficients: the given word later or earlier, louder or softer, slower or faster, in noise. */
export function words(word: Float32Array): Drawing {
  const [frames, coefficients] = [49, 10];
  return {
    shape: [frames, coefficients, 1],
    draw(random) {
      const [shift, pace] = [random.between(-15, 15), random.between(0.6, 1.5)];
      const gain = random.between(-20, 15);
      const colour = Array.from(
        { length: coefficients },
        (_, c) => random.between(-1, 1) * (c === 0 ? 8 : 3 / (1 + c / 3)),
      );
      const vowel = Array.from({ length: coefficients }, () => random.between(-5, 5));
      const out = new Float32Array(frames * coefficients);
      for (let t = 0; t < frames; t++) {
        const source = Math.round((t - frames / 2) * pace + frames / 2 + shift);
        const inside = source >= 0 && source < frames;
        for (let c = 0; c < coefficients; c++) {
          const spoken = inside ? word[source * coefficients + c]! : c === 0 ? -120 : 1;
          const isVoiced = inside && word[source * coefficients]! > -60;
          const timbre = isVoiced && c > 0 ? vowel[c]! * Math.sin((Math.PI * t) / 12 + c) : 0;
          const noise = (random.float() + random.float() - 1) * (c === 0 ? 3 : 1);
          out[t * coefficients + c] = spoken + timbre + noise + (isVoiced && c === 0 ? gain : 0) + colour[c]!;
        }
      }
      return out;
    },
  };
}

/** Five frames of 128 mel bands in dB: a sloped floor with the harmonics of a machine that turns. */
export function machines(): Drawing {
  const [frames, bands] = [5, 128];
  return {
    shape: [frames * bands],
    draw(random) {
      const floor = random.between(-45, -20);
      const slope = random.between(-0.3, 0.05);
      const [pitch, strength, decay] = [
        random.between(4, 20),
        random.between(5, 30),
        random.between(0.02, 0.1),
      ];
      const out = new Float32Array(frames * bands);
      for (let t = 0; t < frames; t++) {
        const swing = random.between(-2, 2);
        for (let b = 0; b < bands; b++) {
          const place = Math.abs(((b / pitch) % 1) - 0.5) * 2;
          const tone = strength * place ** 6 * Math.exp(-decay * b);
          const noise = 5 * Math.log10(random.float() + random.float() + 1e-3);
          out[t * bands + b] = floor + slope * b + swing + tone + noise;
        }
      }
      return out;
    },
  };
}

/** The real photograph (grey, -1 … 1 in the file) and the real word (int8 codes of the keyword model) of the data. */
export function realSamples(folder: string): { photograph: Float32Array; word: Float32Array } {
  const photograph = new Float32Array(new Uint8Array(readFileSync(join(folder, "vww_0.f32"))).buffer);
  const codes = new Int8Array(new Uint8Array(readFileSync(join(folder, "kws_0.i8"))).buffer);
  const { scale, zeroPoint } = WORD_CODES;
  return {
    photograph: photograph.map((value) => (value + 1) / 2),
    word: Float32Array.from(codes, (code) => (code - zeroPoint) * scale),
  };
}

/** Of the input of kws_int8.tflite. */
const WORD_CODES = { scale: 0.5847029089927673, zeroPoint: 83 } as const;
