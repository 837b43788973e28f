import { DIGIT_SIZE } from "./digits.js";
import type { Random } from "./random.js";

/** How badly a meter's camera may see; every amount is the greatest, the actual one is drawn per sample. */
export interface Degradation {
  /** Degrees either way. */
  readonly rotation: number;
  /** Pixels either way. */
  readonly shift: number;
  /** Share by which the digit may shrink or grow. */
  readonly scale: number;
  /** Pixels over which a smear (a moving or unfocused lens) spreads. */
  readonly smear: number;
  /** Spots and strokes of dirt on the glass. */
  readonly dirt: number;
  /** Share of contrast that may be lost. */
  readonly contrast: number;
  /** Standard deviation of the sensor's noise. */
  readonly noise: number;
}

/** What v1 is trained with: the differences between hands, nothing of the camera's. */
export const MILD: Degradation = {
  rotation: 12,
  shift: 2,
  scale: 0.12,
  smear: 0,
  dirt: 0,
  contrast: 0,
  noise: 0,
};

/** A meter read from an angle through a smeared, dirty window: what v2 is tuned for. */
export const METER: Degradation = {
  rotation: 30,
  shift: 1,
  scale: 0.1,
  smear: 4,
  dirt: 2,
  contrast: 0.2,
  noise: 0.03,
};

/** Changes one [28, 28, 1] sample of 0 … 1 in place. */
export function degrade(sample: Float32Array, random: Random, amount: Degradation = METER): void {
  turn(sample, random, amount);
  if (amount.smear > 0) smear(sample, random.between(0, amount.smear), random.between(0, Math.PI));
  if (amount.dirt > 0) soil(sample, random, random.below(amount.dirt + 1));
  const gain = 1 - random.between(0, amount.contrast);
  const floor = random.between(0, amount.contrast / 4);
  for (let i = 0; i < sample.length; i++) {
    const noise = amount.noise > 0 ? amount.noise * random.normal() : 0;
    sample[i] = Math.min(1, Math.max(0, floor + sample[i]! * gain + noise));
  }
}

/** Rotates, scales and shifts about the centre, with bilinear sampling and black outside. */
function turn(sample: Float32Array, random: Random, amount: Degradation): void {
  const angle = (random.between(-amount.rotation, amount.rotation) * Math.PI) / 180;
  const scale = 1 + random.between(-amount.scale, amount.scale);
  const shiftX = random.between(-amount.shift, amount.shift);
  const shiftY = random.between(-amount.shift, amount.shift);
  const cos = Math.cos(angle) / scale;
  const sin = Math.sin(angle) / scale;
  const centre = (DIGIT_SIZE - 1) / 2;
  const source = sample.slice();
  for (let y = 0; y < DIGIT_SIZE; y++) {
    for (let x = 0; x < DIGIT_SIZE; x++) {
      const dx = x - centre - shiftX;
      const dy = y - centre - shiftY;
      sample[y * DIGIT_SIZE + x] = bilinear(
        source,
        centre + cos * dx + sin * dy,
        centre - sin * dx + cos * dy,
      );
    }
  }
}

/** The mean along a line of `length` pixels: motion, or grease wiped across the glass. */
function smear(sample: Float32Array, length: number, direction: number): void {
  const source = sample.slice();
  const taps = 5;
  const stepX = (Math.cos(direction) * length) / (taps - 1);
  const stepY = (Math.sin(direction) * length) / (taps - 1);
  for (let y = 0; y < DIGIT_SIZE; y++) {
    for (let x = 0; x < DIGIT_SIZE; x++) {
      let sum = 0;
      for (let tap = 0; tap < taps; tap++) {
        const offset = tap - (taps - 1) / 2;
        sum += bilinear(source, x + stepX * offset, y + stepY * offset);
      }
      sample[y * DIGIT_SIZE + x] = sum / taps;
    }
  }
}

/** Soft spots, half of them dark (dirt hides) and half light (glare). */
function soil(sample: Float32Array, random: Random, spots: number): void {
  for (let spot = 0; spot < spots; spot++) {
    const centreX = random.between(2, DIGIT_SIZE - 3);
    const centreY = random.between(2, DIGIT_SIZE - 3);
    const radius = random.between(1, 3);
    const colour = random.float() < 0.5 ? 0 : random.between(0.4, 0.9);
    for (let y = 0; y < DIGIT_SIZE; y++) {
      for (let x = 0; x < DIGIT_SIZE; x++) {
        const distance2 = (x - centreX) ** 2 + (y - centreY) ** 2;
        const cover = Math.exp(-distance2 / (radius * radius));
        const at = y * DIGIT_SIZE + x;
        sample[at] = sample[at]! * (1 - cover) + colour * cover;
      }
    }
  }
}

function bilinear(image: Float32Array, x: number, y: number): number {
  const left = Math.floor(x);
  const top = Math.floor(y);
  const shareX = x - left;
  const shareY = y - top;
  const at = (px: number, py: number): number =>
    px < 0 || py < 0 || px >= DIGIT_SIZE || py >= DIGIT_SIZE ? 0 : image[py * DIGIT_SIZE + px]!;
  return (
    (1 - shareY) * ((1 - shareX) * at(left, top) + shareX * at(left + 1, top)) +
    shareY * ((1 - shareX) * at(left, top + 1) + shareX * at(left + 1, top + 1))
  );
}
