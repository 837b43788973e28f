import { DEFAULT_GATES, OperatorClient, type WebhookKind } from "@mote/protocol";
import { Webhook } from "standardwebhooks";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { TestCluster, whyNoPostgres } from "../testing/postgres.js";
import { Receiver } from "../testing/receiver.js";
import { makeRelease } from "../testing/release.js";
import { eventually, TestBench } from "../testing/server.js";
import { WEBHOOK_LIMITS } from "./sender.js";
import { TrustWatch } from "./trustWatch.js";

const HOUR_MS = 3_600_000;

describe.each(["embedded", "postgres"] as const)("webhooks with the store on %s", (kind) => {
  const absent = kind === "postgres" ? whyNoPostgres() : null;
  describe.skipIf(absent !== null)(absent ?? "tell other programs", () => {
    let cluster: TestCluster | null = null;
    let bench: TestBench;
    let receiver: Receiver;

    beforeAll(async () => {
      if (kind === "postgres") cluster = await TestCluster.start();
    });
    afterAll(() => cluster?.remove());
    beforeEach(async () => {
      bench = await TestBench.start(cluster === null ? {} : { database: cluster.makeDatabase() });
      await bench.publishRoot();
      receiver = await Receiver.start();
    });
    afterEach(async () => {
      await bench.close();
      await receiver.close();
    });

    const arrived = (count: number) =>
      eventually(async () => receiver.received.length >= count, `${count} messages`);
    const view = async (id = "pager") =>
      (await bench.operator.webhooks()).webhooks.find((hook) => hook.id === id)!;
    const add = (kinds?: WebhookKind[]) =>
      bench.operator.addWebhook({
        id: "pager",
        url: receiver.url,
        ...(kinds === undefined ? {} : { kinds }),
      });

    it("of a release and of each step of a rollout, signed as Standard Webhooks has it", async () => {
      const { secret } = await add();
      await bench.signers.publish(bench.operator, [makeRelease(1)], bench.now());
      const [device] = await bench.devices(1);
      await device!.poll();
      const rollout = await bench.operator.createRollout({
        product: "digits",
        version: "1.0.0",
        query: {},
        waves: [{ name: "everybody", share: 1, soakS: 0 }],
        gates: { ...DEFAULT_GATES, telemetry: [] },
        onFailure: "hold",
        preconditions: {},
        approvals: 0,
      });
      await arrived(3);
      await bench.operator.act(rollout.id, "pause", { comment: "lunch" });
      await arrived(4);
      expect(receiver.messages.map(({ type }) => type)).toEqual([
        "release.uploaded",
        "rollout.running",
        "rollout.wave",
        "rollout.paused",
      ]);
      expect(receiver.messages[2]!.data).toMatchObject({
        rollout: rollout.id,
        product: "digits",
        version: "1.0.0",
        wave: "everybody",
        waveDevices: 1,
      });
      for (const { headers, body } of receiver.received) {
        expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toEqual(JSON.parse(body));
        expect(() => new Webhook(secret).verify(`${body} `, headers as Record<string, string>)).toThrow();
      }
      await device!.disconnect(true);
      expect(await view()).toMatchObject({ pending: 0, givenUp: 0, lastProblem: null });
    });

    it("again and again, over a restart too, by the same id, until they answer", async () => {
      await add(["webhook.test"]);
      receiver.status = 503;
      await bench.operator.testWebhook("pager");
      await arrived(1);
      await eventually(async () => (await view()).lastProblem === "answered 503", "the failure to be noted");
      await bench.server.close();
      receiver.status = 200;
      bench.aheadMs += 2 * HOUR_MS;
      await bench.restart();
      await arrived(2);
      const ids = receiver.received.map(({ headers }) => headers["webhook-id"]);
      expect(ids[1]).toBe(ids[0]);
      await eventually(async () => (await view()).lastDeliveredAtMs !== null, "the success to be noted");
      expect(await view()).toMatchObject({ pending: 0, givenUp: 0, lastProblem: null });
    });

    it("for three days, and then says that it gave up", async () => {
      await add(["webhook.test"]);
      receiver.status = 302;
      await bench.operator.testWebhook("pager");
      const attempts = WEBHOOK_LIMITS.retryAfterS.length + 1;
      for (let attempt = 1; attempt <= attempts; attempt++) {
        await arrived(attempt);
        const isLast = attempt === attempts;
        await eventually(async () => {
          const { pending, givenUp, lastProblem } = await view();
          return lastProblem !== null && (isLast ? givenUp === 1 : pending === 1);
        }, `attempt ${attempt} to be noted`);
        // A redirection is not followed.
        expect(receiver.received).toHaveLength(attempt);
        bench.aheadMs += 30 * HOUR_MS;
      }
      expect(await view()).toMatchObject({ pending: 0, givenUp: 1, lastProblem: "answered 302" });
    });

    it("only what they asked for, and nothing after 410 Gone or their removal", async () => {
      await add(["rollout.running", "webhook.test"]);
      await bench.operator.uploadBundle(makeRelease(1).bundle);
      await bench.operator.testWebhook("pager");
      await arrived(1);
      expect(receiver.messages[0]!.type).toBe("webhook.test");
      receiver.status = 410;
      await bench.operator.testWebhook("pager");
      await eventually(async () => (await view()).endedAtMs !== null, "the end");
      await expect(bench.operator.testWebhook("pager")).rejects.toMatchObject({
        serverCode: "MOTE_NOT_FOUND",
      });
      await bench.operator.removeWebhook("pager");
      expect((await bench.operator.webhooks()).webhooks).toEqual([]);
      await expect(bench.operator.removeWebhook("pager")).rejects.toMatchObject({
        serverCode: "MOTE_NOT_FOUND",
      });
    });

    it("signed by both secrets for a day after a new one was made", async () => {
      const { secret: old } = await add(["webhook.test"]);
      const { secret: fresh } = await bench.operator.rotateWebhookSecret("pager");
      await bench.operator.testWebhook("pager");
      await arrived(1);
      const verify = (secret: string, i: number) => () =>
        new Webhook(secret).verify(
          receiver.received[i]!.body,
          receiver.received[i]!.headers as Record<string, string>,
        );
      expect(verify(old, 0)).not.toThrow();
      expect(verify(fresh, 0)).not.toThrow();
      const signed = (i: number) =>
        String(receiver.received[i]!.headers["webhook-signature"]).split(" ").length;
      expect(signed(0)).toBe(2);
      bench.aheadMs += 25 * HOUR_MS;
      await bench.operator.testWebhook("pager");
      await arrived(2);
      expect(signed(1)).toBe(1);
    });

    it("only at safe addresses, by an admin's word, and without giving the secret away again", async () => {
      for (const url of [
        "http://192.0.2.7/x",
        "ftp://example.org/x",
        "https://u:p@example.org/x",
        "nonsense",
      ]) {
        await expect(bench.operator.addWebhook({ id: "other", url })).rejects.toMatchObject({
          serverCode: "MOTE_PRECONDITION",
        });
      }
      const { secret } = await add();
      await expect(add()).rejects.toMatchObject({ serverCode: "MOTE_CONFLICT" });
      expect(JSON.stringify([await bench.operator.webhooks(), await bench.operator.audit()])).not.toContain(
        secret,
      );
      const token = await bench.addPerson("manager", "release-manager");
      const manager = new OperatorClient({ url: bench.server.url, token, fetch });
      await expect(manager.webhooks()).rejects.toMatchObject({ serverCode: "MOTE_FORBIDDEN" });
      await expect(manager.addWebhook({ id: "mine", url: receiver.url })).rejects.toMatchObject({
        serverCode: "MOTE_FORBIDDEN",
      });
    });

    it("of trust that runs out, once a day", async () => {
      await add(["trust.warning"]);
      const warning = "root metadata expires in 20 days: have it signed again.";
      const watch = new TrustWatch(
        bench.server.store,
        () => bench.now(),
        () => [warning],
      );
      await watch.look();
      await watch.look();
      await arrived(1);
      bench.aheadMs += 25 * HOUR_MS;
      await watch.look();
      await arrived(2);
      expect(receiver.messages.map(({ type, data }) => [type, data])).toEqual([
        ["trust.warning", { warning }],
        ["trust.warning", { warning }],
      ]);
    });
  });
});
