import type { RolloutPlan } from "@mote/protocol";
import type { Control } from "../store/controls.js";
import { DRAW_MODULUS, shuffleOf } from "../store/draw.js";
import {
  BUCKET_WIDTH,
  countPopulation,
  listPlaces,
  type Population,
  type PopulationQuestion,
} from "../store/population.js";
import type { ReleaseRecord } from "../store/releases.js";
import type { Db } from "../store/store.js";
import { filterOf, type Target } from "./query.js";
import { isShadowPlan, shadowHardware, takers } from "./shadow.js";

/** Devices unseen for longer are no members: nobody waits for a device in a drawer. They join when they come back. */
export const ACTIVE_WITHIN_MS = 7 * 86_400_000;

/** Ids that a dry run shows of each wave. */
const SAMPLE = 20;

export interface Draw {
  /** Members are the devices whose cohort (cohort.ts) lies below it. */
  readonly threshold: number;
  readonly members: number;
  readonly control: number;
  /** The first members. */
  readonly sample: readonly string[];
}

/** A draw that holds from now on, with the nearest devices beyond it to compare with. */
export interface Opening extends Draw {
  readonly controls: readonly Control[];
}

type Wave = RolloutPlan["waves"][number];
type Place = Awaited<ReturnType<typeof listPlaces>>[number];

/** The devices that a rollout could reach now, counted in the database: membership is computed, never written out. */
export class Candidates {
  readonly eligible: number;
  private readonly db: Db;
  readonly question: PopulationQuestion;
  private readonly population: Population;

  /** Classes that could take the release, but not beside another one. */
  private readonly unfit: ReadonlySet<string>;

  private constructor(
    db: Db,
    question: PopulationQuestion,
    population: Population,
    unfit: ReadonlySet<string>,
  ) {
    this.unfit = unfit;
    this.db = db;
    this.question = question;
    this.population = population;
    this.eligible = population.buckets.reduce((sum, count) => sum + count, 0);
  }

  /** @param db must stay open for the draws. */
  static async count(
    db: Db,
    target: Target,
    release: ReleaseRecord,
    salt: string,
    nowMs: number,
  ): Promise<Candidates> {
    const isShadow = isShadowPlan(target.plan);
    const question = {
      filter: filterOf(target, nowMs),
      seenSinceMs: nowMs - ACTIVE_WITHIN_MS,
      hardware: isShadow ? shadowHardware(release.manifest) : takers(release.manifest),
      sequence: release.sequence,
      ...(isShadow ? { leastSequence: 1 } : {}),
      shuffle: shuffleOf(salt),
    };
    const unfit = isShadow ? new Set(takers(release.manifest)) : new Set<string>();
    return new Candidates(db, question, await countPopulation(db, question), unfit);
  }

  /** Who is left out, and why. */
  get excluded(): { reason: string; devices: number }[] {
    const { unseen, newer, older, unsupported } = this.population;
    return [
      { reason: "not seen in the last 7 days (joins when it comes back)", devices: unseen },
      ...[...unsupported].map(([name, devices]) => ({ reason: this.whyNot(name), devices })),
      { reason: "runs no release yet whose shadow it could be", devices: older },
      { reason: "runs a newer release", devices: newer },
    ].filter(({ devices }) => devices > 0);
  }

  private whyNot(hardware: string): string {
    return this.unfit.has(hardware)
      ? `hardware ${hardware} can't run two models side by side`
      : `no variant for hardware ${hardware}`;
  }

  /** Draws each of these waves; shares and counts are of all eligible devices. */
  async draw(waves: readonly Wave[]): Promise<Draw[]> {
    const wanted = waves.map((wave) => this.wantedBy(wave));
    const buckets = new Set<number>();
    for (const count of wanted) {
      const shown = Array.from({ length: Math.min(count, SAMPLE) }, (_, i) => i + 1);
      for (const rank of [...shown, count, count + 1]) {
        if (rank >= 1 && rank <= this.eligible) buckets.add(this.bucketOf(rank).bucket);
      }
    }
    const places = await listPlaces(this.db, this.question, [...buckets]);
    return waves.map((wave, i) => this.drawOne(wave, wanted[i]!, places));
  }

  /**
   * Draws one wave for good.
   *
   * @param atLeast threshold of the wave before: devices that were let in stay in, whoever has come or gone since.
   * @param maxControls devices that are named to compare with, the nearest beyond the wave.
   */
  async open(wave: Wave, atLeast: number, maxControls: number): Promise<Opening> {
    const wanted = this.wantedBy(wave);
    const around = this.bucketsBetween(wanted, wanted + maxControls);
    let places = await listPlaces(this.db, this.question, [...around, bucketOfPlace(atLeast * DRAW_MODULUS)]);
    let draw = this.drawOne(wave, wanted, places);
    if (draw.threshold < atLeast) {
      const members = this.countBelow(atLeast * DRAW_MODULUS, places);
      draw = { ...draw, threshold: atLeast, members, control: this.eligible - members };
      const beyond = this.bucketsBetween(members, members + maxControls);
      places = await listPlaces(this.db, this.question, beyond);
    }
    const controls = places
      .filter(
        ({ place, sequence }) =>
          place >= draw.threshold * DRAW_MODULUS && sequence !== this.question.sequence,
      )
      .slice(0, maxControls)
      .map(({ id, sequence }) => ({ deviceId: id, sequence }));
    return { ...draw, controls };
  }

  private wantedBy({ share, count }: Wave): number {
    return Math.min(this.eligible, count ?? Math.ceil((share ?? 1) * this.eligible));
  }

  private drawOne(wave: Wave, wanted: number, places: readonly Place[]): Draw {
    const sample = places.slice(0, SAMPLE).map(({ id }) => id);
    if (wave.share === 1 || (wanted === this.eligible && this.eligible > 0)) {
      return { threshold: 1, members: this.eligible, control: 0, sample };
    }
    // Nobody to count by: the share as a chance, for devices that come later.
    if (this.eligible === 0) return { threshold: wave.share ?? 0, members: 0, control: 0, sample };
    if (wanted === 0) return { threshold: 0, members: 0, control: this.eligible, sample: [] };
    const last = this.placeOfRank(wanted, places);
    const next = this.placeOfRank(wanted + 1, places);
    const middle = (last + next) / 2;
    // Two devices may share a place: then both are out.
    const members = last < middle ? wanted : this.countBelow(middle, places);
    return {
      threshold: middle / DRAW_MODULUS,
      members,
      control: this.eligible - members,
      sample: sample.slice(0, members),
    };
  }

  private bucketOf(rank: number): { bucket: number; before: number } {
    let before = 0;
    for (const [bucket, count] of this.population.buckets.entries()) {
      if (before + count >= rank) return { bucket, before };
      before += count;
    }
    throw new Error(`rank ${rank} of ${this.eligible} devices`);
  }

  /** Buckets in which the devices of these ranks lie. */
  private bucketsBetween(fromRank: number, toRank: number): number[] {
    const last = Math.min(toRank, this.eligible);
    if (last < 1) return [];
    const first = this.bucketOf(Math.max(1, Math.min(fromRank, last))).bucket;
    return Array.from({ length: this.bucketOf(last).bucket - first + 1 }, (_, i) => first + i);
  }

  private placeOfRank(rank: number, places: readonly Place[]): number {
    const { bucket, before } = this.bucketOf(rank);
    // A device that has polled in between may have moved a rank.
    const here = inBucket(bucket, places);
    return here[Math.min(rank - before, here.length) - 1] ?? 0;
  }

  private countBelow(place: number, places: readonly Place[]): number {
    const bucket = bucketOfPlace(place);
    const before = this.population.buckets.slice(0, bucket).reduce((sum, count) => sum + count, 0);
    return before + inBucket(bucket, places).filter((one) => one < place).length;
  }
}

function bucketOfPlace(place: number): number {
  return Math.floor(place / BUCKET_WIDTH);
}

function inBucket(bucket: number, places: readonly Place[]): number[] {
  return places.map(({ place }) => place).filter((place) => bucketOfPlace(place) === bucket);
}
