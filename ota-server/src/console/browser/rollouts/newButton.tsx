import type { MeAnswer } from "@mote/protocol";
import { to } from "../route.js";
import { may } from "../words.js";

/** For a title's actions; undefined for who may not stage. */
export function newRolloutButton({ role }: MeAnswer) {
  if (!may(role, "operator")) return undefined;
  return (
    <a class="button primary" href={to.newRollout()}>
      New rollout
    </a>
  );
}
