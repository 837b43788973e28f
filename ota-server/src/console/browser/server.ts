import type {
  DeviceDetail,
  DevicesAnswer,
  ErrorAnswer,
  FleetAnswer,
  ReleasesAnswer,
  RolloutAction,
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

export const read = {
  fleet: () => get<FleetAnswer>("/api/v1/fleet"),
  rollouts: () => get<RolloutsAnswer>("/api/v1/rollouts"),
  releases: () => get<ReleasesAnswer>("/api/v1/releases"),
  trust: () => get<TrustAnswer>("/api/v1/trust"),
  devices: (after: string | null) =>
    get<DevicesAnswer>(
      `/api/v1/devices?limit=500${after === null ? "" : `&after=${encodeURIComponent(after)}`}`,
    ),
  device: (id: string) => get<DeviceDetail>(`/api/v1/devices/${encodeURIComponent(id)}`),
};

export async function act(
  id: string,
  action: RolloutAction,
  request: { comment: string; rollback?: boolean },
): Promise<void> {
  const response = await fetch(`/api/v1/rollouts/${encodeURIComponent(id)}/${action}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      authorization: `Bearer ${sessionStorage.getItem(TOKEN) ?? ""}`,
    },
    body: JSON.stringify(request),
  });
  await answer(response);
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
