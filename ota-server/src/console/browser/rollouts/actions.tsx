import type {
  ApprovalScope,
  MeAnswer,
  RolloutAction,
  RolloutActionRequest,
  RolloutView,
} from "@mote/protocol";
import { useState } from "preact/hooks";
import { many } from "../format.js";
import { ActionDialog } from "../parts/dialog.js";
import { change } from "../server.js";
import { may } from "../words.js";
import { type Choice, choicesOf } from "./choices.js";

/** What a person can do to a rollout now. Each says what it does to devices before it is done. */
export function Actions({ rollout, me, onDone }: { rollout: RolloutView; me: MeAnswer; onDone: () => void }) {
  const [open, setOpen] = useState<Choice | null>(null);
  const choices = choicesOf(rollout);
  const allowed = choices.filter(({ role }) => may(me.role, role));
  const refused = choices.filter(({ role }) => !may(me.role, role));
  return (
    <>
      {allowed.map((choice) => (
        <button
          key={choice.key}
          type="button"
          class={choice.isPrimary ? "primary" : choice.isDanger ? "danger" : ""}
          title={choice.effects.join(" ")}
          onClick={() => setOpen(choice)}
        >
          {choice.name}…
        </button>
      ))}
      {refused.length === 0 ? null : (
        <span class="small soft">
          {refused.map(({ name, role }) => `“${name}” takes the role ${role}`).join("; ")}; you are {me.role}.
        </span>
      )}
      {open === null ? null : (
        <ActDialog rollout={rollout} choice={open} onClose={() => setOpen(null)} onDone={onDone} />
      )}
    </>
  );
}

/** Characters of a reason that the server calls one. */
const MIN_REASON = 10;

function ActDialog({
  rollout,
  choice,
  onClose,
  onDone,
}: {
  rollout: RolloutView;
  choice: Choice;
  onClose: () => void;
  onDone: () => void;
}) {
  const [comment, setComment] = useState("");
  const [scope, setScope] = useState<ApprovalScope>("wave");
  const needsReason = choice.action === "break-glass";
  const act = async () => {
    const request: RolloutActionRequest = {
      comment,
      ...(choice.action === "abort" ? { rollback: choice.isRollback } : {}),
      ...(choice.hasScope ? { scope } : {}),
    };
    await change.act(rollout.id, choice.action as RolloutAction, request);
    onDone();
  };
  return (
    <ActionDialog
      title={`${choice.name}: ${rollout.plan.product} ${rollout.plan.version}`}
      verb={choice.name}
      isDanger={choice.isDanger}
      isReady={!needsReason || comment.trim().length >= MIN_REASON}
      onDo={act}
      onClose={onClose}
    >
      <ul>
        {choice.effects.map((effect) => (
          <li key={effect}>{effect}</li>
        ))}
      </ul>
      {choice.hasScope ? <ScopeField rollout={rollout} scope={scope} onScope={setScope} /> : null}
      <label>
        {needsReason
          ? `Why (at least ${MIN_REASON} characters; the audit log keeps it)`
          : "Comment (kept in the history)"}
        <input maxLength={512} value={comment} onInput={(event) => setComment(event.currentTarget.value)} />
      </label>
    </ActionDialog>
  );
}

function ScopeField({
  rollout,
  scope,
  onScope,
}: {
  rollout: RolloutView;
  scope: ApprovalScope;
  onScope: (scope: ApprovalScope) => void;
}) {
  const radio = (value: ApprovalScope, text: string) => (
    <label class="radio">
      <input type="radio" name="scope" checked={scope === value} onChange={() => onScope(value)} /> {text}
    </label>
  );
  const later = rollout.waves.length - rollout.currentWave - 1;
  return (
    <fieldset>
      <legend>Your approval counts for</legend>
      {radio("wave", `wave “${rollout.waves[rollout.currentWave]?.name}” alone`)}
      {later === 0 ? null : radio("rollout", `it and ${many(later, "later wave")}`)}
    </fieldset>
  );
}
