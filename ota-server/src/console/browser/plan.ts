import type { DryRunAnswer, Gates, ReleaseView, RolloutPlan } from "@mote/protocol";
import { byId, h, show } from "./dom.js";
import { create, dryRun } from "./server.js";

/** The form that stages a rollout. Nothing starts that was not previewed as it stands. */

type Wave = RolloutPlan["waves"][number];
type Preconditions = RolloutPlan["preconditions"];

const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

let previewed: string | null = null;
/** Fixed while the form is open, so that the devices of the preview are those of the rollout. */
let salt = "";

function field(id: string): HTMLInputElement | HTMLSelectElement {
  const element = byId(id);
  if (element instanceof HTMLInputElement || element instanceof HTMLSelectElement) return element;
  throw new Error(`#${id} takes no value.`);
}

const text = (id: string): string => field(id).value.trim();
const number = (id: string): number => Number(text(id));
const isOn = (id: string): boolean => (field(id) as HTMLInputElement).checked;

/** Signed releases above the floor; others can't be offered. */
export function offerReleases(releases: readonly ReleaseView[]): void {
  const select = field("plan-release");
  const chosen = select.value;
  const usable = releases.filter((release) => release.signedBy !== "nobody" && !release.retired);
  select.replaceChildren(
    ...usable.map(({ product, version }) =>
      h("option", { value: `${product} ${version}` }, `${product} ${version}`),
    ),
  );
  if (chosen !== "") select.value = chosen;
  byId("plan-none").hidden = usable.length > 0;
}

/** What the form says, as the server takes it. */
function planOfForm(): RolloutPlan {
  const [product, version] = text("plan-release").split(" ") as [string, string];
  const soakS = 60 * number("plan-soak");
  const share = number("plan-share") / 100;
  const waves: Wave[] = [
    { name: "canary", count: number("plan-canary"), soakS },
    ...(share > 0 && share < 1 ? [{ name: `${100 * share} %`, share, soakS }] : []),
    { name: "everybody", share: 1, soakS: 0 },
  ];
  const [tag, value] = text("plan-tag").split("=");
  const hardware = text("plan-hardware")
    .split(/[\s,]+/)
    .filter((name) => name !== "");
  const gates = JSON.parse(byId("plan-gates").textContent ?? "") as Gates;
  return {
    product,
    version,
    query: {
      ...(hardware.length > 0 ? { hardware } : {}),
      ...(tag !== undefined && tag !== "" ? { tags: { [tag]: value ?? "" } } : {}),
    },
    waves,
    gates,
    onFailure: text("plan-failure") as RolloutPlan["onFailure"],
    preconditions: preconditionsOfForm(),
    approvals: number("plan-approvals"),
    salt,
    ...(text("plan-comment") === "" ? {} : { comment: text("plan-comment") }),
  };
}

function preconditionsOfForm(): Preconditions {
  const [from, to] = [text("plan-from"), text("plan-to")];
  return {
    ...(text("plan-battery") === "" ? {} : { minBatteryPercent: number("plan-battery") }),
    ...(isOn("plan-unmetered") ? { allowMetered: false } : {}),
    ...(isOn("plan-idle") ? { requireIdle: true, requireNoCriticalTask: true } : {}),
    ...(from === "" || to === ""
      ? {}
      : { windows: [{ from, to, ...(isOn("plan-weekdays") ? { days: DAYS.slice(0, 5) } : {}) }] }),
  };
}

function showPreview(answer: DryRunAnswer): void {
  const waits = answer.waits.map(
    ({ reason, devices, untilMs }) =>
      `${devices} would wait now for ${reason}${untilMs === null ? "" : `, the first until ${new Date(untilMs).toLocaleString()}`}`,
  );
  if (waits.length > 0 && answer.sampled < answer.eligible) {
    waits.push(`Who waits was counted in a sample of ${answer.sampled} devices and scaled up.`);
  }
  const left = answer.excluded.map(({ reason, devices }) => `${devices} get nothing: ${reason}`);
  show(
    byId("plan-preview"),
    h("h3", {}, `${answer.eligible} devices would get it`),
    h(
      "ol",
      {},
      ...answer.waves.map(({ name, devices, control, sample }) =>
        h(
          "li",
          {},
          h("b", {}, name),
          `: ${devices} devices, ${control} to compare with `,
          h("span", { class: "note" }, sample.slice(0, 5).join(", ")),
        ),
      ),
    ),
    ...[...left, ...waits].map((line) => h("p", { class: "note" }, line)),
    ...answer.warnings.map((line) => h("p", { class: "warning" }, line)),
  );
}

function invalidate(): void {
  previewed = null;
  (byId("plan-start") as HTMLButtonElement).disabled = true;
}

/** @param onStarted is called when the server has taken the plan. */
export function wirePlan(dialog: HTMLDialogElement, onStarted: () => void): void {
  const form = byId("plan-form");
  const message = byId("plan-message");
  const attempt = async (work: () => Promise<void>) => {
    message.textContent = "";
    try {
      await work();
    } catch (error) {
      message.textContent = error instanceof Error ? error.message : String(error);
    }
  };
  form.addEventListener("input", invalidate);
  byId("plan-check").addEventListener("click", () => {
    if (!(form as HTMLFormElement).reportValidity()) return;
    void attempt(async () => {
      const plan = planOfForm();
      showPreview(await dryRun(plan));
      previewed = JSON.stringify(plan);
      (byId("plan-start") as HTMLButtonElement).disabled = false;
    });
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void attempt(async () => {
      const plan = planOfForm();
      if (JSON.stringify(plan) !== previewed) return invalidate();
      await create(plan);
      dialog.close();
      onStarted();
    });
  });
  byId("plan-cancel").addEventListener("click", () => dialog.close());
  byId("new-rollout").addEventListener("click", () => {
    invalidate();
    salt = crypto.getRandomValues(new Uint32Array(4)).join("-");
    message.textContent = "";
    byId("plan-preview").replaceChildren();
    dialog.showModal();
  });
}
