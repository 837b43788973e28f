import type {
  ConsumerListQuery,
  ConsumerRequest,
  ConsumersAnswer,
  ConsumerView,
  LineageAnswer,
  ReleaseComparison,
} from "./catalog.js";
import { NetworkError, networkReason, ServerRefusedError } from "./client.js";
import type { DdiTokenAnswer, DdiTokenRequest, DdiTokensAnswer } from "./ddi.js";
import { type ErrorAnswer, PATHS } from "./device.js";
import type { DeviceDetail, DeviceListQuery, DevicesAnswer } from "./deviceViews.js";
import {
  type AuditAnswer,
  type EnrolmentTokenList,
  type EnrolmentTokensAnswer,
  type EnrolmentTokensRequest,
  type EnvelopeStoredAnswer,
  type FleetAnswer,
  type MeAnswer,
  type MetadataStoredAnswer,
  OPERATOR_PATHS,
  type PeopleAnswer,
  type PersonAnswer,
  type PersonRequest,
  type PublishLogAnswer,
  type ReadyAnswer,
  type ReleasesAnswer,
  type ReleaseView,
  type ServerEvent,
  type SignAnswer,
  type SignRequest,
  type TrustAnswer,
  type TrustKeysAnswer,
} from "./operator.js";
import type { RolloutSampleAnswer, RolloutSampleRequest } from "./rehearsal.js";
import type { RolloutPlan, RolloutView } from "./rollout.js";
import type {
  DryRunAnswer,
  RolloutAction,
  RolloutActionRequest,
  RolloutDevicesAnswer,
  RolloutDevicesQuery,
  RolloutListQuery,
  RolloutsAnswer,
} from "./rolloutAnswers.js";
import type { WebhookRequest, WebhookSecretAnswer, WebhooksAnswer } from "./webhook.js";

export interface OperatorClientOptions {
  /** Origin of the server, for example `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly token: string;
  readonly fetch: typeof fetch;
}

/** One method per operator path. Throws ServerRefusedError with the server's own code, NetworkError without. */
export class OperatorClient {
  private readonly options: OperatorClientOptions;

  constructor(options: OperatorClientOptions) {
    this.options = { ...options, url: options.url.replace(/\/+$/, "") };
  }

  ready(): Promise<ReadyAnswer> {
    return this.call("GET", OPERATOR_PATHS.ready);
  }

  uploadBundle(bundle: Uint8Array): Promise<ReleaseView> {
    return this.call("POST", OPERATOR_PATHS.bundles, bundle);
  }

  releases(): Promise<ReleasesAnswer> {
    return this.call("GET", OPERATOR_PATHS.releases);
  }

  /** A stored artifact, manifest or patch; the caller checks the digest. */
  async blob(sha256: string): Promise<Uint8Array> {
    const response = await this.send("GET", PATHS.blob(sha256));
    return new Uint8Array(await response.arrayBuffer());
  }

  lineage(product: string, version: string): Promise<LineageAnswer> {
    return this.call("GET", OPERATOR_PATHS.lineage(product, version));
  }

  /** What changes for devices and consumers that come from `from`. */
  compare(product: string, version: string, from: string): Promise<ReleaseComparison> {
    return this.call("GET", OPERATOR_PATHS.comparison(product, version, from));
  }

  consumers(query: ConsumerListQuery = {}): Promise<ConsumersAnswer> {
    return this.call("GET", `${OPERATOR_PATHS.consumers}${suffixOf(query)}`);
  }

  declareConsumer(id: string, request: ConsumerRequest): Promise<ConsumerView> {
    return this.call("PUT", OPERATOR_PATHS.consumer(id), request);
  }

  removeConsumer(id: string): Promise<Record<string, never>> {
    return this.call("DELETE", OPERATOR_PATHS.consumer(id));
  }

  trust(): Promise<TrustAnswer> {
    return this.call("GET", OPERATOR_PATHS.trust);
  }

  trustKeys(): Promise<TrustKeysAnswer> {
    return this.call("GET", OPERATOR_PATHS.trustKeys);
  }

  putMetadata(file: string, bytes: Uint8Array): Promise<MetadataStoredAnswer> {
    return this.call("PUT", OPERATOR_PATHS.trustMetadata(file), bytes);
  }

  putEnvelope(file: string, bytes: Uint8Array): Promise<EnvelopeStoredAnswer> {
    return this.call("PUT", OPERATOR_PATHS.trustEnvelope(file), bytes);
  }

  publishLog(from = 0): Promise<PublishLogAnswer> {
    return this.call("GET", `${OPERATOR_PATHS.trustLog}?from=${from}`);
  }

  signRelease(request: SignRequest): Promise<SignAnswer> {
    return this.call("POST", OPERATOR_PATHS.trustSign, request);
  }

  createEnrolmentTokens(request: EnrolmentTokensRequest): Promise<EnrolmentTokensAnswer> {
    return this.call("POST", OPERATOR_PATHS.enrolmentTokens, request);
  }

  enrolmentTokens(): Promise<EnrolmentTokenList> {
    return this.call("GET", OPERATOR_PATHS.enrolmentTokens);
  }

  createDdiToken(request: DdiTokenRequest): Promise<DdiTokenAnswer> {
    return this.call("POST", OPERATOR_PATHS.ddiTokens, request);
  }

  ddiTokens(): Promise<DdiTokensAnswer> {
    return this.call("GET", OPERATOR_PATHS.ddiTokens);
  }

  revokeDdiToken(id: string): Promise<Record<string, never>> {
    return this.call("POST", OPERATOR_PATHS.ddiTokenRevoke(id), {});
  }

  devices(query: DeviceListQuery = {}): Promise<DevicesAnswer> {
    return this.call("GET", `${OPERATOR_PATHS.devices}${suffixOf(query)}`);
  }

  device(id: string): Promise<DeviceDetail> {
    return this.call("GET", OPERATOR_PATHS.device(id));
  }

  revokeDevice(id: string): Promise<Record<string, never>> {
    return this.call("POST", OPERATOR_PATHS.deviceRevoke(id), {});
  }

  createRollout(plan: RolloutPlan): Promise<RolloutView> {
    return this.call("POST", OPERATOR_PATHS.rollouts, plan);
  }

  dryRun(plan: RolloutPlan): Promise<DryRunAnswer> {
    return this.call("POST", OPERATOR_PATHS.rolloutDryRun, plan);
  }

  rolloutSample(request: RolloutSampleRequest): Promise<RolloutSampleAnswer> {
    return this.call("POST", OPERATOR_PATHS.rolloutSample, request);
  }

  rollouts(query: RolloutListQuery = {}): Promise<RolloutsAnswer> {
    return this.call("GET", `${OPERATOR_PATHS.rollouts}${suffixOf(query)}`);
  }

  rolloutDevices(id: string, query: RolloutDevicesQuery = {}): Promise<RolloutDevicesAnswer> {
    return this.call("GET", `${OPERATOR_PATHS.rolloutDevices(id)}${suffixOf(query)}`);
  }

  rollout(id: string): Promise<RolloutView> {
    return this.call("GET", OPERATOR_PATHS.rollout(id));
  }

  act(id: string, action: RolloutAction, request: RolloutActionRequest = {}): Promise<RolloutView> {
    return this.call("POST", OPERATOR_PATHS.rolloutAction(id, action), request);
  }

  fleet(): Promise<FleetAnswer> {
    return this.call("GET", OPERATOR_PATHS.fleet);
  }

  me(): Promise<MeAnswer> {
    return this.call("GET", OPERATOR_PATHS.me);
  }

  people(): Promise<PeopleAnswer> {
    return this.call("GET", OPERATOR_PATHS.people);
  }

  putPerson(request: PersonRequest): Promise<PersonAnswer> {
    return this.call("POST", OPERATOR_PATHS.people, request);
  }

  revokePerson(id: string): Promise<Record<string, never>> {
    return this.call("POST", OPERATOR_PATHS.personRevoke(id), {});
  }

  audit(): Promise<AuditAnswer> {
    return this.call("GET", OPERATOR_PATHS.audit);
  }

  webhooks(): Promise<WebhooksAnswer> {
    return this.call("GET", OPERATOR_PATHS.webhooks);
  }

  addWebhook(request: WebhookRequest): Promise<WebhookSecretAnswer> {
    return this.call("POST", OPERATOR_PATHS.webhooks, request);
  }

  removeWebhook(id: string): Promise<Record<string, never>> {
    return this.call("DELETE", OPERATOR_PATHS.webhook(id));
  }

  rotateWebhookSecret(id: string): Promise<WebhookSecretAnswer> {
    return this.call("POST", OPERATOR_PATHS.webhookSecret(id), {});
  }

  testWebhook(id: string): Promise<Record<string, never>> {
    return this.call("POST", OPERATOR_PATHS.webhookTest(id), {});
  }

  /** Yields until the server closes or `signal` aborts. */
  async *events(signal: AbortSignal): AsyncGenerator<ServerEvent> {
    const response = await this.send("GET", OPERATOR_PATHS.events, undefined, signal);
    if (response.body === null) return;
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    let pending = "";
    try {
      while (!signal.aborted) {
        const { done, value } = await reader.read();
        if (done) return;
        pending += decoder.decode(value, { stream: true });
        const messages = pending.split("\n\n");
        pending = messages.pop() ?? "";
        for (const message of messages) {
          const data = message.split("\n").find((line) => line.startsWith("data: "));
          if (data !== undefined) yield JSON.parse(data.slice(6)) as ServerEvent;
        }
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      await reader.cancel().catch(() => undefined);
    }
  }

  private async call<T>(method: string, path: string, body?: Uint8Array | object): Promise<T> {
    const response = await this.send(method, path, body);
    return (await response.json()) as T;
  }

  private async send(
    method: string,
    path: string,
    body?: Uint8Array | object,
    signal?: AbortSignal,
  ): Promise<Response> {
    const raw = body instanceof Uint8Array;
    const headers: Record<string, string> = { authorization: `Bearer ${this.options.token}` };
    if (body !== undefined) headers["content-type"] = raw ? "application/octet-stream" : "application/json";
    const init: RequestInit = { method, headers };
    if (body !== undefined) init.body = raw ? new Uint8Array(body) : JSON.stringify(body);
    if (signal !== undefined) init.signal = signal;
    let response: Response;
    try {
      response = await this.options.fetch(`${this.options.url}${path}`, init);
    } catch (cause) {
      throw new NetworkError({
        expected: `a Mote server at ${this.options.url}`,
        got: networkReason(cause),
        todo: "Check the address and that mote-server is running; of a certificate of your own say NODE_EXTRA_CA_CERTS=FILE.",
        cause,
      });
    }
    if (response.ok || (path === OPERATOR_PATHS.ready && response.status === 503)) return response;
    throw await refusal(response, `${method} ${path}`);
  }
}

function suffixOf(query: object): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) search.set(name, String(value));
  return search.size > 0 ? `?${search}` : "";
}

async function refusal(response: Response, what: string): Promise<ServerRefusedError> {
  const text = await response.text();
  let answer: Partial<ErrorAnswer> = {};
  try {
    answer = JSON.parse(text) as Partial<ErrorAnswer>;
  } catch {
    // A proxy in between answers in its own words.
  }
  return new ServerRefusedError(
    {
      expected: `${what} to succeed`,
      got: `HTTP ${response.status} ${answer.code ?? text.slice(0, 200)}`,
      todo: "Look for a proxy that answers in the server's place.",
      ...(answer.message === undefined
        ? {}
        : {
            told: `${answer.message} (${answer.code}, HTTP ${response.status}, request ${answer.requestId})`,
          }),
    },
    response.status,
    answer.code ?? "",
  );
}
