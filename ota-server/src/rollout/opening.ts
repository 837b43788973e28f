import { listControls, putControls } from "../store/controls.js";
import type { ReleaseRecord } from "../store/releases.js";
import type { Store } from "../store/store.js";
import { isAbPlan } from "./abTest.js";
import { wavesOf } from "./blueGreen.js";
import { EVIDENCE_LIMITS } from "./evidence.js";
import { Candidates, type Opening } from "./population.js";
import { currentThreshold, type RolloutState } from "./state.js";

/** Draws the current wave and stores whom it will be compared with. */
export async function openWave(
  store: Store,
  state: RolloutState,
  release: ReleaseRecord,
  nowMs: number,
): Promise<Opening> {
  const waves = wavesOf(state.plan);
  const wave = waves[state.currentWave]!;
  // Whoever comes after an A/B test began is drawn like the others, and not all for B.
  const isLast = state.currentWave === waves.length - 1 && !isAbPlan(state.plan);
  const opening = await store.read(async (db) => {
    const atLeast = currentThreshold(state);
    const boundaries = { waves: [wave], first: 0, beyond: EVIDENCE_LIMITS.maxDevices, atLeast };
    // Before the first wave nobody can be its own: asked so, PostgreSQL shares the reading among its workers.
    const target = { ...state, id: state.currentWave === 0 ? null : state.id };
    const candidates = await Candidates.count(db, target, release, state.salt, nowMs, boundaries);
    return candidates.open(wave, atLeast, EVIDENCE_LIMITS.maxDevices, isLast);
  });
  await store.write((db) => putControls(db, state.id, opening.controls));
  return opening;
}

/** True of a wave that an older server has opened: it stored no control group. */
export async function lacksControls(store: Store, state: RolloutState): Promise<boolean> {
  const { openedAtMs, control } = state.waves[state.currentWave]!;
  if (state.name !== "running" || openedAtMs === null || control === 0) return false;
  return (await store.read((db) => listControls(db, state.id))).length === 0;
}
