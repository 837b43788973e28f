import type {
  AuditAnswer,
  ConsumerRequest,
  ConsumersAnswer,
  DeviceDetail,
  DevicesAnswer,
  DryRunAnswer,
  EnrolmentTokenList,
  EnrolmentTokensAnswer,
  EnrolmentTokensRequest,
  ErrorAnswer,
  FleetAnswer,
  LineageAnswer,
  Manifest,
  MeAnswer,
  PeopleAnswer,
  PersonAnswer,
  PersonRequest,
  ReadyAnswer,
  ReleaseComparison,
  ReleasesAnswer,
  RolloutAction,
  RolloutActionRequest,
  RolloutDevicesAnswer,
  RolloutPlan,
  RolloutsAnswer,
  RolloutView,
  TrustAnswer,
} from "@mote/protocol";

/** The server does not know us: the page then asks for a token. */
export class SignedOut extends Error {}

type Query = Readonly<Record<string, string | undefined>>;
const API = "/api/v1";
const at = (...segments: string[]) => `${API}/${segments.map(encodeURIComponent).join("/")}`;

export const read = {
  me: () => get<MeAnswer>(at("me")),
  ready: () => get<ReadyAnswer>("/ready"),
  fleet: () => get<FleetAnswer>(at("fleet")),
  rollouts: (query: Query = {}) => get<RolloutsAnswer>(at("rollouts"), query),
  rollout: (id: string) => get<RolloutView>(at("rollouts", id)),
  rolloutDevices: (id: string, query: Query) =>
    get<RolloutDevicesAnswer>(at("rollouts", id, "devices"), query),
  releases: () => get<ReleasesAnswer>(at("releases")),
  manifest: (sha256: string) => get<Manifest>(`/blobs/${sha256}`),
  lineage: (product: string, version: string) =>
    get<LineageAnswer>(at("releases", product, version, "lineage")),
  comparison: (product: string, version: string, from: string) =>
    get<ReleaseComparison>(at("releases", product, version, "compare", from)),
  consumers: () => get<ConsumersAnswer>(at("consumers")),
  trust: () => get<TrustAnswer>(at("trust")),
  devices: (query: Query) => get<DevicesAnswer>(at("devices"), query),
  device: (id: string) => get<DeviceDetail>(at("devices", id)),
  people: () => get<PeopleAnswer>(at("people")),
  audit: () => get<AuditAnswer>(at("audit")),
  enrolmentTokens: () => get<EnrolmentTokenList>(at("enrolment-tokens")),
};

export const change = {
  signIn: (token: string) => send<MeAnswer>("POST", "/console/login", { token }),
  signOut: () => send("POST", "/console/logout", {}),
  act: (id: string, action: RolloutAction, request: RolloutActionRequest) =>
    send<RolloutView>("POST", at("rollouts", id, action), request),
  /** What would happen to whom; nothing is stored. */
  dryRun: (plan: RolloutPlan) => send<DryRunAnswer>("POST", at("rollouts", "dry-run"), plan),
  create: (plan: RolloutPlan) => send<RolloutView>("POST", at("rollouts"), plan),
  revokeDevice: (id: string) => send("POST", at("devices", id, "revoke"), {}),
  declareConsumer: (id: string, request: ConsumerRequest) => send("PUT", at("consumers", id), request),
  removeConsumer: (id: string) => send("DELETE", at("consumers", id), undefined),
  putPerson: (request: PersonRequest) => send<PersonAnswer>("POST", at("people"), request),
  revokePerson: (id: string) => send("POST", at("people", id, "revoke"), {}),
  enrolmentTokens: (request: EnrolmentTokensRequest) =>
    send<EnrolmentTokensAnswer>("POST", at("enrolment-tokens"), request),
};

async function get<T>(path: string, query: Query = {}): Promise<T> {
  const entries = Object.entries(query).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== "",
  );
  const search = entries.length === 0 ? "" : `?${new URLSearchParams(entries)}`;
  return (await answer(await fetch(`${path}${search}`))) as T;
}

/** The session is a cookie that no script can read; the header says that this page asks, and no other. */
async function send<T = unknown>(method: string, path: string, body: unknown): Promise<T> {
  const headers: Record<string, string> = { "x-mote-console": "1" };
  if (body !== undefined) headers["content-type"] = "application/json";
  const init: RequestInit = { method, headers };
  if (body !== undefined) init.body = JSON.stringify(body);
  return (await answer(await fetch(path, init))) as T;
}

async function answer(response: Response): Promise<unknown> {
  const body: unknown = await response.json();
  if (response.ok) return body;
  const { message } = body as ErrorAnswer;
  if (response.status === 401) throw new SignedOut(message);
  throw new Error(message);
}

export function messageOf(error: unknown): string {
  if (error instanceof TypeError) return "The server can't be reached.";
  return error instanceof Error ? error.message : String(error);
}
