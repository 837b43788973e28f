import type { RolloutPlan } from "@mote/protocol";
import type { Control } from "../store/controls.js";
import { DRAW_MODULUS, shuffleOf } from "../store/draw.js";
import {
  bucketOf,
  countPopulation,
  listAtPlaces,
  listPlaces,
  type Population,
  type PopulationQuestion,
} from "../store/population.js";
import type { ReleaseRecord } from "../store/releases.js";
import type { Db } from "../store/store.js";
import { type Ability, abilityFor } from "./ability.js";
import { type Boundaries, likelyBuckets } from "./likelyBuckets.js";
import { filterOf, type Target } from "./query.js";
import { isShadowPlan, secondSlotHardware, takers } from "./shadow.js";

/** Devices unseen for longer are no members: nobody waits for a device in a drawer. They join when they come back. */
export const ACTIVE_WITHIN_MS = 7 * 86_400_000;

/** Ids that a dry run shows of each wave. */
export const SHOWN_MEMBERS = 20;

interface Drawn {
  /** Members are the devices whose cohort (cohort.ts) lies below it. */
  readonly threshold: number;
  readonly members: number;
  readonly control: number;
}

export interface Draw extends Drawn {
  /** The first members. */
  readonly sample: readonly string[];
}

/** A draw that holds from now on, with the nearest devices beyond it to compare with. */
export interface Opening extends Drawn {
  readonly controls: readonly Control[];
  /** Devices whose agents have said that they can't do what the strategy asks. */
  readonly unable: number;
}

type Wave = RolloutPlan["waves"][number];

/** Of devices whose hardware could. */
function whyUnable(ability: Ability | null): string {
  return `can't ${ability?.text} (an older agent, or a hawkBit client); keeps what it runs, and joins when its agent can`;
}

/** The devices that a rollout could reach now, counted in the database: membership is computed, never written out. */
export class Candidates {
  readonly eligible: number;
  private readonly db: Db;
  readonly question: PopulationQuestion;
  private readonly population: Population;
  /** By bucket, of the buckets that were looked into. */
  private readonly places: Map<number, readonly number[]>;

  /** Classes that could take the release, but not in the way that the plan wants. */
  private readonly unfit: ReadonlySet<string>;

  private constructor(
    db: Db,
    question: PopulationQuestion,
    population: Population,
    unfit: ReadonlySet<string>,
    private readonly ability: Ability | null,
  ) {
    this.unfit = unfit;
    this.db = db;
    this.question = question;
    this.population = population;
    this.places = new Map(population.places);
    this.eligible = population.buckets.reduce((sum, count) => sum + count, 0);
  }

  /**
   * @param db must stay open for the draws.
   * @param boundaries where the draws will probably look, so that one reading of the devices does for them too.
   */
  static async count(
    db: Db,
    target: Target,
    release: ReleaseRecord,
    salt: string,
    nowMs: number,
    boundaries: Boundaries | null = null,
  ): Promise<Candidates> {
    const ability = abilityFor(target.plan);
    const able = ability === null ? takers : secondSlotHardware;
    const question = {
      filter: filterOf(target, nowMs),
      seenSinceMs: nowMs - ACTIVE_WITHIN_MS,
      hardware: able(release.manifest),
      sequence: release.sequence,
      takenBy: target.id,
      ...(isShadowPlan(target.plan) ? { leastSequence: 1 } : {}),
      ...(ability === null ? {} : { ability: ability.name }),
      shuffle: shuffleOf(salt),
    };
    const unfit = new Set(ability === null ? [] : takers(release.manifest));
    const listed = boundaries === null ? new Set<number>() : await likelyBuckets(db, question, boundaries);
    return new Candidates(db, question, await countPopulation(db, question, listed), unfit, ability);
  }

  /** Is there a device that the query matches, eligible or not? */
  get hasMatch(): boolean {
    return this.population.matched > 0;
  }

  /** What the strategy asks of devices that have not said yet whether they can: they are counted as if they could. */
  get unsaid(): { can: string; devices: number } | null {
    const devices = this.population.unsaid;
    return this.ability === null || devices === 0 ? null : { can: this.ability.text, devices };
  }

  /** Who is left out, and why. */
  get excluded(): { reason: string; devices: number }[] {
    const { unseen, newer, older, there, unable, unsupported } = this.population;
    return [
      { reason: "not seen in the last 7 days (joins when it comes back)", devices: unseen },
      ...[...unsupported].map(([name, devices]) => ({ reason: this.whyNot(name), devices })),
      { reason: whyUnable(this.ability), devices: unable },
      { reason: "runs no release yet whose shadow it could be", devices: older },
      { reason: "runs this release already", devices: there },
      { reason: "runs a newer release", devices: newer },
    ].filter(({ devices }) => devices > 0);
  }

  private whyNot(hardware: string): string {
    return this.unfit.has(hardware)
      ? `hardware ${hardware} can't ${this.ability?.text}`
      : `no variant for hardware ${hardware}`;
  }

  /** Draws each of these waves; shares and counts are of all eligible devices. */
  async draw(waves: readonly Wave[]): Promise<Draw[]> {
    const wanted = waves.map((wave) => this.wantedBy(wave));
    const shown = Math.min(SHOWN_MEMBERS, Math.max(0, ...wanted));
    await this.lookInto([
      ...this.bucketsBetween(1, shown),
      ...wanted.flatMap((count, i) => this.bucketsAround(waves[i]!, count, i === waves.length - 1)),
    ]);
    const first = this.bucketsBetween(1, shown).flatMap((bucket) => this.placesIn(bucket));
    const sample = (await listAtPlaces(this.db, this.question, first.slice(0, shown))).map(({ id }) => id);
    return waves.map((wave, i) => {
      const drawn = this.drawOne(wave, wanted[i]!, i === waves.length - 1);
      return { ...drawn, sample: sample.slice(0, Math.min(SHOWN_MEMBERS, drawn.members)) };
    });
  }

  /**
   * Draws one wave for good.
   *
   * @param atLeast threshold of the wave before: devices that were let in stay in, whoever has come or gone since.
   * @param maxControls devices that are named to compare with, the nearest beyond the wave.
   * @param isLast no wave follows that would take the devices which come later.
   */
  async open(wave: Wave, atLeast: number, maxControls: number, isLast = false): Promise<Opening> {
    const wanted = this.wantedBy(wave);
    const around = this.bucketsBetween(wanted, wanted + maxControls);
    if (!this.isForAll(wave, wanted, isLast)) {
      await this.lookInto([...around, bucketOf(atLeast * DRAW_MODULUS)]);
    }
    let drawn = this.drawOne(wave, wanted, isLast);
    let beyond = around;
    if (drawn.threshold < atLeast) {
      const members = this.countBelow(atLeast * DRAW_MODULUS);
      drawn = { threshold: atLeast, members, control: this.eligible - members };
      beyond = this.bucketsBetween(members, members + maxControls);
      await this.lookInto(beyond);
    }
    const isBeyond = (place: number) => place >= drawn.threshold * DRAW_MODULUS;
    const places = [...new Set(beyond.flatMap((bucket) => this.placesIn(bucket)).filter(isBeyond))];
    const controls: Control[] = [];
    for (let at = 0; at < places.length && controls.length < maxControls; at += maxControls) {
      const nearest = await listAtPlaces(this.db, this.question, places.slice(at, at + maxControls));
      for (const { id, sequence } of nearest) {
        if (sequence !== this.question.sequence) controls.push({ deviceId: id, sequence });
      }
    }
    controls.splice(maxControls);
    return { ...drawn, controls, unable: this.population.unable };
  }

  private wantedBy({ share, count }: Wave): number {
    return Math.min(this.eligible, count ?? Math.ceil((share ?? 1) * this.eligible));
  }

  /** True of a wave that takes all who come later too. */
  private isForAll({ share }: Wave, wanted: number, isLast: boolean): boolean {
    return share === 1 || (isLast && wanted === this.eligible && this.eligible > 0);
  }

  private drawOne(wave: Wave, wanted: number, isLast: boolean): Drawn {
    if (this.isForAll(wave, wanted, isLast)) return { threshold: 1, members: this.eligible, control: 0 };
    // Nobody to count by: the share as a chance, for devices that come later.
    if (this.eligible === 0) return { threshold: wave.share ?? 0, members: 0, control: 0 };
    if (wanted === 0) return { threshold: 0, members: 0, control: this.eligible };
    const last = this.placeOfRank(wanted);
    // A canary of the few that are there by now must not be one of all who come: those after the last wait for their wave.
    if (wanted === this.eligible) {
      const threshold = Math.max(wave.share ?? 0, (last + 0.5) / DRAW_MODULUS);
      return { threshold, members: this.eligible, control: 0 };
    }
    const next = this.placeOfRank(wanted + 1);
    const middle = (last + next) / 2;
    // Two devices may share a place: then both are out.
    const members = last < middle ? wanted : this.countBelow(middle);
    return { threshold: middle / DRAW_MODULUS, members, control: this.eligible - members };
  }

  /** Reads the places of those of the buckets that the count has not listed. */
  private async lookInto(buckets: readonly number[]): Promise<void> {
    const missing = [...new Set(buckets)].filter(
      (bucket) => !this.places.has(bucket) && (this.population.buckets[bucket] ?? 0) > 0,
    );
    for (const [bucket, places] of await listPlaces(this.db, this.question, missing)) {
      this.places.set(bucket, places);
    }
  }

  private placesIn(bucket: number): readonly number[] {
    return this.places.get(bucket) ?? [];
  }

  private rankIn(rank: number): { bucket: number; before: number } {
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
    const first = this.rankIn(Math.max(1, Math.min(fromRank, last))).bucket;
    return Array.from({ length: this.rankIn(last).bucket - first + 1 }, (_, i) => first + i);
  }

  /** Those that decide where a wave of so many devices ends; none where it takes nobody, or everybody. */
  private bucketsAround(wave: Wave, wanted: number, isLast: boolean): number[] {
    if (wanted === 0 || this.isForAll(wave, wanted, isLast)) return [];
    return this.bucketsBetween(wanted, wanted + 1);
  }

  private placeOfRank(rank: number): number {
    const { bucket, before } = this.rankIn(rank);
    // Read a moment after the count, a bucket may have lost the device of this rank.
    const here = this.placesIn(bucket);
    return here[Math.min(rank - before, here.length) - 1] ?? 0;
  }

  private countBelow(place: number): number {
    const bucket = bucketOf(place);
    const before = this.population.buckets.slice(0, bucket).reduce((sum, count) => sum + count, 0);
    return before + this.placesIn(bucket).filter((one) => one < place).length;
  }
}
