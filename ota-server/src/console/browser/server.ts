import type {
  DeviceDetail,
  DevicesAnswer,
  DryRunAnswer,
  ErrorAnswer,
  FleetAnswer,
  Manifest,
  ReleasesAnswer,
  RolloutAction,
  RolloutPlan,
  RolloutsAnswer,
  TrustAnswer,
} from "@mote/protocol";

/** The server does not know us: the page then asks for a token. */
export class SignedOut extends Error {}

/** Kept for this tab only; reading goes by cookie, acting by this. */
const TOKEN = "mote-token";

export function hasToken(): boolean {
  return sessionStorage.getItem(TOKEN) !== null;
}

export async function signIn(token: string): Promise<void> {
  await answer(
    await fetch("/console/login", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token }),
    }),
  );
  sessionStorage.setItem(TOKEN, token);
}

export interface DeviceFilter {
  readonly product?: string;
  readonly hardware?: string;
  readonly tag?: string;
  readonly after?: string;
}

export const read = {
  fleet: () => get<FleetAnswer>("/api/v1/fleet"),
  rollouts: () => get<RolloutsAnswer>("/api/v1/rollouts"),
  releases: () => get<ReleasesAnswer>("/api/v1/releases"),
  trust: () => get<TrustAnswer>("/api/v1/trust"),
  devices: (filter: DeviceFilter) =>
    get<DevicesAnswer>(`/api/v1/devices?${new URLSearchParams({ limit: "500", ...filter })}`),
  manifest: (sha256: string) => get<Manifest>(`/blobs/${sha256}`),
  device: (id: string) => get<DeviceDetail>(`/api/v1/devices/${encodeURIComponent(id)}`),
};

export async function act(
  id: string,
  action: RolloutAction,
  request: { comment: string; rollback?: boolean },
): Promise<void> {
  await post(`/api/v1/rollouts/${encodeURIComponent(id)}/${action}`, request);
}

/** What would happen to whom; nothing is stored. */
export async function dryRun(plan: RolloutPlan): Promise<DryRunAnswer> {
  return (await post("/api/v1/rollouts/dry-run", plan)) as DryRunAnswer;
}

export async function create(plan: RolloutPlan): Promise<void> {
  await post("/api/v1/rollouts", plan);
}

async function post(path: string, body: unknown): Promise<unknown> {
  const response = await fetch(path, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      authorization: `Bearer ${sessionStorage.getItem(TOKEN) ?? ""}`,
    },
    body: JSON.stringify(body),
  });
  return answer(response);
}

async function get<T>(path: string): Promise<T> {
  return (await answer(await fetch(path))) as T;
}

async function answer(response: Response): Promise<unknown> {
  const body: unknown = await response.json();
  if (response.ok) return body;
  const { message } = body as ErrorAnswer;
  if (response.status === 401) throw new SignedOut(message);
  throw new Error(message);
}
