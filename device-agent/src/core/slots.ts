import type { AgentState, Slot, SlotName } from "./state.js";

/** Two slots, one confirmed. Pure: who serves and what is held follows from the state alone. */

export function spareOf(state: AgentState): SlotName {
  return state.confirmed === "a" ? "b" : "a";
}

export function confirmedSlot(state: AgentState): Slot | null {
  return state.confirmed === null ? null : state.slots[state.confirmed];
}

export function spareSlot(state: AgentState): Slot | null {
  return state.slots[spareOf(state)];
}

/** The release that answers inferences now: the spare slot's while it is on probation, else the confirmed one's. */
export function servingSlot(state: AgentState): Slot | null {
  return isOnTrial(state) ? spareSlot(state) : confirmedSlot(state);
}

export function isOnTrial(state: AgentState): boolean {
  return state.update.state === "probation" || state.update.state === "confirming";
}

/** The release that runs beside the serving one and only reports. */
export function shadowSlot(state: AgentState): Slot | null {
  return state.update.state === "shadowing" ? spareSlot(state) : null;
}

/** Artifacts in the slots: bases for a patch, and releases to go back to without a download. */
export function heldArtifacts(state: AgentState): string[] {
  const held = [servingSlot(state), confirmedSlot(state), spareSlot(state)];
  return [...new Set(held.flatMap((slot) => (slot === null ? [] : [slot.artifactSha256])))];
}

export function withSpare(state: AgentState, slot: Slot | null): AgentState {
  return { ...state, slots: { ...state.slots, [spareOf(state)]: slot } };
}

/** The spare slot becomes the confirmed one; the slot that was confirmed is kept to go back to. */
export function withSpareConfirmed(state: AgentState): AgentState {
  return { ...state, confirmed: spareOf(state) };
}

/** Every blob that the state still needs; golden vectors too, so that going back needs no network. */
export function neededBlobs(state: AgentState): Set<string> {
  const needed = new Set<string>();
  for (const slot of [state.slots.a, state.slots.b, state.update.candidate]) {
    if (slot === null) continue;
    needed.add(slot.manifestSha256);
    needed.add(slot.artifactSha256);
    needed.add(slot.goldenInputsSha256);
    needed.add(slot.goldenOutputsSha256);
  }
  if (state.update.route !== null) needed.add(state.update.route);
  return needed;
}
