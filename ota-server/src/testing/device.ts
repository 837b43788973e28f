import { randomUUID } from "node:crypto";
import {
  CONFIDENCE_BINS,
  createDeviceClient,
  type DeviceClient,
  encodeFrame,
  encodeReportBatch,
  type Fetch,
  type Offer,
  type OperatorClient,
  sessionMessage,
  type TelemetryFrame,
  toHex,
  topics,
  type UpdateReport,
} from "@mote/protocol";
import { generateKey, type SigningKey } from "@mote/protocol/node";
import mqtt, { type MqttClient } from "mqtt";

/**
 * A device for tests of the server: real key, real HTTP, real MQTT client; only the model is missing. It takes what it
 * is offered at once and says so.
 */
export class TestDevice {
  readonly client: DeviceClient;
  key: SigningKey = generateKey();
  sequence = 0;
  artifact: string | null = null;
  held: string[] = [];
  product = "";
  mqttUrl = "";
  token = "";
  /** What the broker takes, where it is not the token. */
  password: string | null = null;
  /** What its agent says that it can; an older one says nothing. */
  abilities: { canShadow?: boolean; canHold?: boolean } = { canShadow: true };
  private mqtt: MqttClient | null = null;
  private frames = 0;

  constructor(
    readonly id: string,
    readonly url: string,
    readonly hardware = "gateway",
  ) {
    this.client = createDeviceClient(url, fetch as Fetch);
  }

  /** The same device, for a server that came back at another address. */
  at(server: { url: string; mqttUrl: string }): TestDevice {
    const { key, sequence, artifact, held, product, token, password, frames } = this;
    const { mqttUrl } = server;
    const state = { key, sequence, artifact, held, product, token, password, frames, mqttUrl };
    return Object.assign(new TestDevice(this.id, server.url, this.hardware), state);
  }

  async enroll(token: string): Promise<void> {
    const answer = await this.client.enroll({
      token,
      deviceId: this.id,
      publicKey: toHex(this.key.publicKey),
      hardware: this.hardware,
      tags: {},
    });
    this.product = answer.product;
    this.mqttUrl = answer.mqttUrl;
  }

  async signIn(): Promise<void> {
    const nonce = await this.client.nonce(this.id);
    const signature = toHex(this.key.sign(sessionMessage(this.id, nonce)));
    const { token, broker } = await this.client.session(this.id, nonce, signature);
    this.token = token;
    this.password = broker?.password ?? null;
  }

  /** @param path of the broker, where it is reached over WebSocket. */
  async connect(path?: string): Promise<MqttClient> {
    this.mqtt = await mqtt.connectAsync(`${this.mqttUrl}${path ?? ""}`, {
      clientId: this.id,
      username: this.id,
      password: this.password ?? this.token,
      protocolVersion: 4,
      reconnectPeriod: 0,
    });
    return this.mqtt;
  }

  get isConnected(): boolean {
    return this.mqtt?.connected === true;
  }

  /** Resolves when the server, or the network, has ended the connection. */
  closed(): { readonly promise: Promise<void>; forget(): void } {
    const { mqtt } = this;
    let listener: () => void = () => undefined;
    const promise = new Promise<void>((resolve) => {
      listener = resolve;
      mqtt?.once("close", listener);
    });
    return { promise, forget: () => void mqtt?.off("close", listener) };
  }

  /** With `isAbrupt` nothing is waited for: the server is gone, and so are its acknowledgements. */
  async disconnect(isAbrupt = !this.isConnected): Promise<void> {
    await this.mqtt?.endAsync(isAbrupt);
    this.mqtt = null;
  }

  async poll(): Promise<Offer | null> {
    const { offer } = await this.client.poll(this.id, this.token, {
      running: { sequence: this.sequence, artifactSha256: this.artifact },
      held: this.held,
      floor: 0,
      codecs: ["full", "tensor", "bsdiff"],
      agentVersion: "test",
      batteryPercent: 80,
      freeBytes: 1_000_000,
      ...this.abilities,
    });
    return offer;
  }

  /** Polls, takes the offer if there is one, and reports it confirmed; of a shadow, that it runs there. */
  async update(): Promise<Offer | null> {
    const offer = await this.poll();
    if (offer === null) return null;
    const isShadow = offer.kind === "shadow";
    if (!isShadow) this.sequence = offer.sequence;
    await this.client.reports(this.id, this.token, [
      this.report(offer, isShadow ? "shadowing" : "confirmed"),
    ]);
    return offer;
  }

  report(offer: Offer, phase: UpdateReport["phase"], code: UpdateReport["code"] = "ok"): UpdateReport {
    return {
      id: randomUUID(),
      offerId: offer.id,
      atMs: Date.now(),
      phase,
      code,
      runningSequence: this.sequence,
      targetSequence: offer.sequence,
      artifactSha256: this.artifact,
      downloadedBytes: 100,
      codec: "full",
      detail: "",
    };
  }

  /** A window of 40 inferences of this confidence and accuracy; resolves when the server has acknowledged it. */
  async sendWindow(quality: { confidence: number; accuracy: number; errors?: number }): Promise<Uint8Array> {
    const frame = this.frame(quality);
    const bytes = encodeFrame(frame);
    await this.publish(topics.telemetry(this.id), bytes);
    return bytes;
  }

  frame(quality: { confidence: number; accuracy: number; errors?: number }): TelemetryFrame {
    const inferences = 40;
    const bin = Math.min(CONFIDENCE_BINS - 1, Math.floor(quality.confidence * CONFIDENCE_BINS));
    return {
      sequence: this.frames++,
      windowStartMs: Date.now(),
      windowMs: 1000,
      releaseSequence: this.sequence,
      onProbation: false,
      inferences,
      errors: quality.errors ?? 0,
      abstained: 0,
      latencyUs: { mean: 900, p95: 1200, max: 1500 },
      energyUj: 12,
      confidence: Array.from({ length: CONFIDENCE_BINS }, (_, i) => (i === bin ? inferences : 0)),
      outputs: [inferences],
      probes: { seen: 20, correct: Math.round(20 * quality.accuracy) },
      batteryPercent: 80,
      temperatureC: 20,
    };
  }

  async sendReports(reports: readonly UpdateReport[]): Promise<void> {
    await this.publish(topics.report(this.id), encodeReportBatch(reports));
  }

  /** The link's own messages, for a test that listens. */
  get connection(): MqttClient {
    if (this.mqtt === null) throw new Error("not connected");
    return this.mqtt;
  }

  async publish(topic: string, payload: Uint8Array): Promise<void> {
    if (this.mqtt === null) throw new Error("not connected");
    await this.mqtt.publishAsync(topic, Buffer.from(payload), { qos: 1 });
  }

  /** The signature of another device over this one's nonce. */
  forgedSignature(nonce: string): string {
    return toHex(generateKey().sign(sessionMessage(this.id, nonce)));
  }
}

/** So many devices, enrolled and signed in, not connected. @param nameOf of the i-th, from 0. */
export async function signedInDevices(
  operator: OperatorClient,
  url: string,
  count: number,
  nameOf = (i: number) => `cam-${i}`,
): Promise<TestDevice[]> {
  const { tokens } = await operator.createEnrolmentTokens({ product: "digits", count });
  return Promise.all(
    tokens.map(async ({ token }, i) => {
      const device = new TestDevice(nameOf(i), url);
      await device.enroll(token);
      await device.signIn();
      return device;
    }),
  );
}
