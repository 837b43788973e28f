import { ROLLOUT_STATES } from "@mote/protocol";
import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { MqttSide } from "../mqtt/door.js";
import type { RolloutEngine } from "../rollout/engine.js";
import { countByRelease } from "../store/devices.js";
import type { Store } from "../store/store.js";
import { RequestTimes } from "./requestTimes.js";

export interface MetricsParts {
  readonly store: Store;
  readonly engine: RolloutEngine;
  readonly broker: MqttSide;
}

/** What Prometheus scrapes. Gauges are read when it asks; nothing is counted twice. */
export class Metrics {
  private readonly registry = new Registry();
  readonly requests = new RequestTimes(
    "mote_http_request_seconds",
    "Time to answer, by route and status.",
    [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
  );

  constructor({ store, engine, broker }: MetricsParts) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.requests.registerWith(this.registry);
    new Gauge({
      name: "mote_devices",
      help: "Devices by product and the sequence of the release that they run.",
      labelNames: ["product", "sequence"],
      registers,
      async collect() {
        this.reset();
        for (const { product, sequence, devices } of await store.read(countByRelease)) {
          this.set({ product, sequence: String(sequence) }, devices);
        }
      },
    });
    new Gauge({
      name: "mote_mqtt_connected_devices",
      help: "Devices with an MQTT connection.",
      registers,
      collect() {
        this.set(broker.connections);
      },
    });
    new Gauge({
      name: "mote_server_leads",
      help: "1 where this server judges the rollouts; of the servers on one database one does.",
      registers,
      collect() {
        this.set(store.peers.isLeader ? 1 : 0);
      },
    });
    new Gauge({
      name: "mote_rollouts",
      help: "Rollouts by state.",
      labelNames: ["state"],
      registers,
      collect() {
        const states = engine.list().map((rollout) => rollout.name);
        for (const state of ROLLOUT_STATES) this.set({ state }, states.filter((one) => one === state).length);
      },
    });
    new Counter({
      name: "mote_mqtt_messages_total",
      help: "MQTT messages by what became of them.",
      labelNames: ["kind"],
      registers,
      collect() {
        const { frames, repeatedFrames, malformed, refusedConnections } = broker.counters;
        this.reset();
        this.inc({ kind: "frame" }, frames);
        this.inc({ kind: "repeated-frame" }, repeatedFrames);
        this.inc({ kind: "malformed" }, malformed);
        this.inc({ kind: "refused-connection" }, refusedConnections);
      },
    });
  }

  text(): Promise<string> {
    return this.registry.metrics();
  }

  get contentType(): string {
    return this.registry.contentType;
  }
}
