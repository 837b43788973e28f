import type { DryRunAnswer, MeAnswer, ReleaseView, RolloutPlan } from "@mote/protocol";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { of, useLive } from "../live.js";
import { Refusal } from "../parts/dialog.js";
import { Loaded, Notice } from "../parts/notice.js";
import { to } from "../route.js";
import { change, messageOf, read } from "../server.js";
import { Title } from "../shell/title.js";
import { may } from "../words.js";
import { Audience, type Running } from "./audience.js";
import { beyondForm, type Draft, draftOf, emptyDraft, type FormGates, planOf } from "./draft.js";
import { Preview } from "./preview.js";
import { Judgement, Release, Speed, Strategy } from "./sections.js";
import { PartB, WavesEditor } from "./wavesEditor.js";
import { When } from "./whenSection.js";

/** Stages a rollout. What it would do stands beside the form, and nothing starts that was not shown as it stands. */

const DEFAULT_GATES = JSON.parse(document.getElementById("default-gates")?.textContent ?? "") as FormGates;
/** A form that is still being typed in is not asked about. */
const TYPING_MS = 400;

type Query = Readonly<Record<string, string>>;

interface Start {
  readonly releases: readonly ReleaseView[];
  /** Plan that the form begins with: an earlier one, or what brings to all what one has tried. */
  readonly like: RolloutPlan | null;
  /** By product. */
  readonly fleet: ReadonlyMap<string, { readonly devices: number; readonly versions: Running }>;
  /** Of what is promoted: its canary is the canary again. */
  readonly salt: string | undefined;
}

async function readStart({ like, promote }: Query): Promise<Start> {
  const id = promote ?? like;
  const [{ releases }, earlier, { products }] = await Promise.all([
    read.releases(),
    id === undefined ? null : read.rollout(id),
    read.fleet(),
  ]);
  const fleet = new Map(products.map((one) => [one.product, one]));
  // Others can't be offered.
  const usable = releases.filter(({ signedBy, retired }) => signedBy !== "nobody" && !retired);
  const promotion = promote === undefined ? null : (earlier?.promotion ?? null);
  return { releases: usable, like: promotion ?? earlier?.plan ?? null, fleet, salt: promotion?.salt };
}

export function NewRolloutPage({ me, query }: { me: MeAnswer; query: Query }) {
  const live = useLive(
    `new-rollout/${query["like"] ?? query["promote"] ?? ""}`,
    () => readStart(query),
    of("release", "trust"),
  );
  return (
    <>
      <Title text="New rollout" crumb={<a href={to.rollouts()}>Rollouts</a>} />
      {may(me.role, "operator") ? null : (
        <Notice tone="wait">
          Starting a rollout takes the role operator; you are {me.role}. You can look at what one would do.
        </Notice>
      )}
      <Loaded live={live}>
        {(start) =>
          start.releases.length === 0 ? (
            <Notice tone="wait">
              No release can be rolled out yet: one has to be uploaded and signed. <code>mote sign</code> and{" "}
              <code>mote publish</code> bring it; <a href={to.releases()}>Releases</a> shows what is there.
            </Notice>
          ) : (
            <Form start={start} query={query} me={me} />
          )
        }
      </Loaded>
    </>
  );
}

function firstDraft({ releases, like, fleet }: Start, { product, version }: Query): Draft {
  if (like !== null) return draftOf(like, DEFAULT_GATES);
  const asked = releases.find((one) => one.product === product && one.version === version);
  const { product: name, version: number } = asked ?? releases[0]!;
  return { ...emptyDraft(DEFAULT_GATES, fleet.get(name)?.devices ?? 0), release: `${name} ${number}` };
}

function Form({ start, query, me }: { start: Start; query: Query; me: MeAnswer }) {
  const [draft, setDraft] = useState(() => firstDraft(start, query));
  // Fixed while the form is open, so that the devices of the preview are those of the rollout.
  const salt = useMemo(() => start.salt ?? crypto.getRandomValues(new Uint32Array(4)).join("-"), []);
  const form = useRef<HTMLFormElement>(null);
  const plan = planOf(draft, DEFAULT_GATES, salt);
  const preview = useDryRun(plan, form);
  const [refusal, setRefusal] = useState<string | null>(null);
  const set = (part: Partial<Draft>) => setDraft((old) => ({ ...old, ...part }));
  const submit = (event: Event) => {
    event.preventDefault();
    if (preview.answer === null || preview.isOld) return;
    setRefusal(null);
    change.create(plan).then(
      ({ id }) => {
        location.hash = to.rollout(id);
      },
      (error) => setRefusal(messageOf(error)),
    );
  };
  const release = start.releases.find((one) => `${one.product} ${one.version}` === draft.release);
  const product = start.fleet.get(plan.product);
  return (
    <form ref={form} class="split" onSubmit={submit}>
      <div style={{ display: "grid", gap: "18px" }}>
        <Lost plan={start.like} />
        <Release draft={draft} set={set} releases={start.releases} />
        <Strategy draft={draft} set={set} gates={DEFAULT_GATES} fleet={product?.devices ?? 0} />
        <Audience draft={draft} set={set} release={release} running={product?.versions ?? []} />
        {draft.strategy === "a-b" ? (
          <PartB draft={draft} set={set} />
        ) : (
          <WavesEditor draft={draft} set={set} fleet={product?.devices ?? 0} />
        )}
        <Judgement draft={draft} set={set} />
        <When draft={draft} set={set} />
        <Speed draft={draft} set={set} />
      </div>
      <div class="aside card">
        <h2>What would happen</h2>
        <Preview answer={preview.answer} isOld={preview.isOld} />
        <Refusal text={refusal ?? preview.refusal} />
        <p class="actions">
          <button
            type="submit"
            class="primary"
            disabled={preview.answer === null || preview.isOld || !may(me.role, "operator")}
          >
            {startLabel(plan, preview.answer)}
          </button>
          <a href={to.rollouts()}>Cancel</a>
        </p>
      </div>
    </form>
  );
}

/** The form does not carry everything over that a plan can say. */
function Lost({ plan }: { plan: RolloutPlan | null }) {
  const lost = plan === null ? [] : beyondForm(plan, DEFAULT_GATES);
  if (lost.length === 0) return null;
  return (
    <Notice tone="wait">
      The earlier plan says more than this form can, in: {lost.join(", ")}.{" "}
      <code>mote rollout create --plan</code> takes all of it.
    </Notice>
  );
}

function startLabel(plan: RolloutPlan, answer: DryRunAnswer | null): string {
  if ((plan.waves[0]?.approvals ?? plan.approvals) > 0) return "Ask for approval";
  const first = answer?.waves[0];
  return first === undefined
    ? "Start"
    : `Start with ${first.devices} ${first.devices === 1 ? "device" : "devices"}`;
}

interface DryRun {
  readonly answer: DryRunAnswer | null;
  readonly refusal: string | null;
  /** The form has changed since. */
  readonly isOld: boolean;
}

/** Asks the server what the plan would do, whenever it has changed and is whole. */
function useDryRun(plan: RolloutPlan, form: { current: HTMLFormElement | null }): DryRun {
  const text = JSON.stringify(plan);
  const [found, setFound] = useState<{ text: string; answer: DryRunAnswer | null; refusal: string | null }>();
  useEffect(() => {
    let isCurrent = true;
    const timer = setTimeout(() => {
      if (form.current?.checkValidity() !== true) {
        return setFound({ text, answer: null, refusal: incomplete(form.current) });
      }
      change.dryRun(plan).then(
        (answer) => isCurrent && setFound({ text, answer, refusal: null }),
        (error) => isCurrent && setFound({ text, answer: null, refusal: messageOf(error) }),
      );
    }, TYPING_MS);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [text]);
  return { answer: found?.answer ?? null, refusal: found?.refusal ?? null, isOld: found?.text !== text };
}

function incomplete(form: HTMLFormElement | null): string {
  const first = form?.querySelector<HTMLInputElement>("input:invalid, select:invalid, textarea:invalid");
  const name = first?.closest("label")?.innerText.split("\n")[0] ?? "a field";
  return `${name}: ${first?.validationMessage ?? "is not complete"}`;
}
