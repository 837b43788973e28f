import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_GATES, OPERATOR_PATHS, OperatorClient, sessionMessage, toHex } from "@mote/protocol";
import { generateKey, writeServerKeys } from "@mote/protocol/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestDevice } from "./testing/device.js";
import { TestCluster, whyNoPostgres } from "./testing/postgres.js";
import { makeRelease, TestSigners } from "./testing/release.js";
import { eventually } from "./testing/server.js";
import { ServerProcess } from "./testing/serverProcess.js";

/** Two servers as processes of their own on one PostgreSQL, one blob folder and one set of keys. */

const reason = whyNoPostgres();
describe.skipIf(reason !== null)(reason ?? "two servers on one PostgreSQL", () => {
  const folder = mkdtempSync(join(tmpdir(), "mote-peers-"));
  const signers = new TestSigners();
  let cluster: TestCluster;
  let database: string;
  let servers: ServerProcess[] = [];
  let token: string;

  const start = (name: string) =>
    ServerProcess.start([
      ...["--data", join(folder, name), "--database", database, "--tick-ms", "100"],
      ...["--blobs", join(folder, "blobs"), "--server-keys", join(folder, "keys")],
    ]);
  const operatorOf = (server: ServerProcess) => new OperatorClient({ url: server.url, token, fetch });
  const leads = async (server: ServerProcess) => {
    const headers = { authorization: `Bearer ${token}` };
    const text = await (await fetch(`${server.url}${OPERATOR_PATHS.metrics}`, { headers })).text();
    return /^mote_server_leads 1$/m.test(text);
  };
  const enrol = async (at: ServerProcess, ...ids: string[]) => {
    const { tokens } = await operatorOf(at).createEnrolmentTokens({ product: "digits", count: ids.length });
    return Promise.all(
      ids.map(async (id, i) => {
        const device = new TestDevice(id, at.url);
        await device.enroll(tokens[i]!.token);
        return device;
      }),
    );
  };

  beforeAll(async () => {
    cluster = await TestCluster.start();
    database = cluster.makeDatabase();
    const keys = { snapshot: generateKey(), timestamp: generateKey(), targets: null };
    await writeServerKeys(join(folder, "keys"), keys);
    // At once: they must agree on one admin and one session secret.
    servers = await Promise.all([start("a"), start("b")]);
    const tokens = ["a", "b"].flatMap((name) => {
      try {
        return [readFileSync(join(folder, name, "admin.token"), "utf8").trim()];
      } catch {
        return [];
      }
    });
    expect(tokens).toHaveLength(1);
    token = tokens[0]!;
    const operator = operatorOf(servers[1]!);
    await operator.putMetadata("1.root.json", signers.rootFor(keys, Date.now()));
    await signers.publish(operator, [makeRelease(1), makeRelease(2)], Date.now());
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.end("SIGKILL")));
    cluster.remove();
    rmSync(folder, { recursive: true });
  });

  test("one of them leads", async () => {
    expect((await Promise.all(servers.map(leads))).filter(Boolean)).toHaveLength(1);
  });

  test("a device that enrolled at one signs in at the other, once for each nonce", async () => {
    const [a, b] = servers as [ServerProcess, ServerProcess];
    const [device] = await enrol(a, "cam-1");
    const there = device!.at(b);
    const nonce = await there.client.nonce("cam-1");
    const signature = toHex(there.key.sign(sessionMessage("cam-1", nonce)));
    await there.client.session("cam-1", nonce, signature);
    await expect(device!.client.session("cam-1", nonce, signature)).rejects.toMatchObject({ status: 401 });
    await device!.signIn();
    await device!.connect();
    const status = async () => (await operatorOf(b).device("cam-1")).device.online;
    await eventually(status, "the other server to see it online");
    await device!.disconnect();
    await eventually(async () => !(await status()), "the other server to see it offline");
  });

  test("what happens at one is told at the other: to open pages, to devices, to a revoked device", async () => {
    const [a, b] = servers as [ServerProcess, ServerProcess];
    const [device] = await enrol(a, "cam-2");
    await device!.signIn();
    const client = await device!.connect();
    const hints: string[] = [];
    client.on("message", (_topic, payload) => hints.push(payload.toString()));
    await client.subscribeAsync("mote/v1/cam-2/command", { qos: 0 });
    await device!.poll();
    const controller = new AbortController();
    const page = await fetch(`${b.url}${OPERATOR_PATHS.events}`, {
      headers: { authorization: `Bearer ${token}` },
      signal: controller.signal,
    });
    const seen: string[] = [];
    const reading = (async () => {
      for await (const chunk of page.body!) seen.push(Buffer.from(chunk).toString());
    })().catch(() => undefined);
    await device!.sendWindow({ confidence: 0.9, accuracy: 1 });
    await eventually(async () => seen.join("").includes("telemetry"), "the page to hear of the window");
    const rollout = await operatorOf(b).createRollout(rolloutTo(["cam-2"], "1.0.0"));
    await eventually(async () => hints.includes("poll"), "the device to hear of the rollout");
    await eventually(() => device!.update(), "an offer");
    await eventually(
      async () => (await operatorOf(b).rollout(rollout.id)).state === "completed",
      "the rollout to end",
    );
    await eventually(
      async () => (await operatorOf(a).rollout(rollout.id)).state === "completed",
      "the first server to follow",
    );
    const closed = new Promise<void>((resolve) => client.once("close", () => resolve()));
    await operatorOf(b).revokeDevice("cam-2");
    await closed;
    controller.abort();
    await reading;
  });

  test("what is decided at one holds for the next poll at the other, which answers from memory", async () => {
    const [a, b] = servers as [ServerProcess, ServerProcess];
    const [device, other] = (await enrol(a, "cam-5", "cam-6")) as [TestDevice, TestDevice];
    await device.signIn();
    await other.signIn();
    const [there, otherThere] = [device.at(b), other.at(b)];
    // Three polls: the first is news, the second reads it back, from the third on it is in memory.
    for (let i = 0; i < 3; i++) for (const one of [there, otherThere]) expect(await one.poll()).toBeNull();
    const operator = operatorOf(a);
    const rollout = await operator.createRollout(rolloutTo(["cam-5", "cam-6"], "2.0.0"));
    await eventually(() => there.poll(), "the other server to offer what was decided");
    await operator.act(rollout.id, "pause");
    // By NOTIFY, in the transaction that pauses; hence not at the tick.
    const paused = await eventually(async () => {
      const state = (await operatorOf(b).rollout(rollout.id)).state;
      return state === "paused" && state;
    }, "the other server to know of the pause");
    expect(paused).toBe("paused");
    expect(await otherThere.poll()).toBeNull();
    await operator.act(rollout.id, "abort");
    await eventually(async () => (await there.poll()) === null, "nothing more to be offered");
    // A device's own change made at the one is what the other plans by.
    device.sequence = 1;
    await device.poll();
    expect((await operatorOf(b).device("cam-5")).device.runningSequence).toBe(1);
    await operator.revokeDevice("cam-5");
    await eventually(
      async () =>
        await there.poll().then(
          () => false,
          (error: { status?: number }) => error.status === 401,
        ),
      "the other server to refuse the revoked device",
    );
    await expect(there.poll()).rejects.toMatchObject({ status: 401 });
    expect(await otherThere.poll()).toBeNull();
  });

  test("when the leader is killed the other takes over, and finishes its rollouts", async () => {
    const isFirst = await leads(servers[0]!);
    const [leader, follower] = (isFirst ? servers : [...servers].reverse()) as [ServerProcess, ServerProcess];
    const devices = await enrol(leader, "cam-3", "cam-4");
    await devices[0]!.signIn();
    await devices[0]!.connect();
    for (const device of devices) {
      await device.signIn();
      device.sequence = 1;
      await device.poll();
    }
    const rollout = await operatorOf(leader).createRollout(rolloutTo(["cam-3", "cam-4"], "2.0.0"));
    await eventually(() => devices[0]!.update(), "an offer of the leader");
    await leader.end("SIGKILL");
    await devices[0]!.disconnect(true);
    const killedAtMs = Date.now();
    const second = devices[1]!.at(follower);
    await eventually(() => leads(follower), "the follower to lead");
    const takeOverMs = Date.now() - killedAtMs;
    await eventually(() => second.update(), "an offer of the follower");
    const operator = operatorOf(follower);
    await eventually(
      async () => (await operator.rollout(rollout.id)).state === "completed",
      "the rollout to end",
    );
    await eventually(async () => !(await operator.device("cam-3")).device.online, "its device to be offline");
    expect(takeOverMs).toBeLessThan(10_000);
    expect((await operator.audit()).brokenAt).toBeNull();
    // And one that comes back joins again.
    servers = [await start("a"), follower];
    expect(await leads(servers[0]!)).toBe(false);
  });

  test("a server with other keys is refused: devices could not believe what it signs", async () => {
    const other = ["--data", join(folder, "c"), "--database", database];
    await expect(ServerProcess.start(other)).rejects.toThrow(/MOTE_CONFIG.*--server-keys/s);
  });
});

function rolloutTo(deviceIds: string[], version: string) {
  return {
    product: "digits",
    version,
    query: { deviceIds },
    waves: [{ name: "all", share: 1, soakS: 0 }],
    gates: { ...DEFAULT_GATES, telemetry: [] },
    onFailure: "hold" as const,
    preconditions: {},
    approvals: 0,
  };
}
