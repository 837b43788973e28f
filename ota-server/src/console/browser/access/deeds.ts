/** An audit entry's request in plain words; the request itself stays beside it. Pure. */

const DEEDS: readonly (readonly [RegExp, string])[] = [
  [/^POST \/api\/v1\/rollouts$/, "staged a rollout"],
  [/^POST \/api\/v1\/rollouts\/([^/]+)\/approve$/, "approved rollout $1"],
  [/^POST \/api\/v1\/rollouts\/([^/]+)\/pause$/, "paused rollout $1"],
  [/^POST \/api\/v1\/rollouts\/([^/]+)\/resume$/, "resumed rollout $1"],
  [/^POST \/api\/v1\/rollouts\/([^/]+)\/abort$/, "ended rollout $1"],
  [/^POST \/api\/v1\/rollouts\/([^/]+)\/break-glass$/, "broke the glass of rollout $1"],
  [/^POST \/api\/v1\/bundles$/, "uploaded a bundle"],
  [/^PUT \/api\/v1\/trust\/metadata\/(.+)$/, "uploaded signed metadata $1"],
  [/^PUT \/api\/v1\/trust\/envelopes\/(.+)$/, "uploaded signed envelope $1"],
  [/^POST \/api\/v1\/trust\/sign$/, "had the server sign a release"],
  [/^POST \/api\/v1\/devices\/([^/]+)\/revoke$/, "revoked device $1"],
  [/^POST \/api\/v1\/enrolment-tokens$/, "made enrolment tokens"],
  [/^POST \/api\/v1\/people$/, "made a person, or gave a new token"],
  [/^POST \/api\/v1\/people\/([^/]+)\/revoke$/, "ended the access of $1"],
  [/^PUT \/api\/v1\/consumers\/([^/]+)$/, "declared consumer $1"],
  [/^DELETE \/api\/v1\/consumers\/([^/]+)$/, "removed consumer $1"],
  [/^POST \/api\/v1\/ddi\/tokens$/, "made a token of the hawkBit door"],
  [/^POST \/api\/v1\/ddi\/tokens\/([^/]+)\/revoke$/, "revoked token $1 of the hawkBit door"],
];

/** The request as it was, where there are no words for it. */
export function deedOf(action: string): string {
  const found = DEEDS.find(([pattern]) => pattern.test(action));
  return found === undefined ? action : action.replace(found[0], found[1]);
}
