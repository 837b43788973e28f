import type { DdiFeedback } from "@mote/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeRelease, planForAll, sha256 } from "../testing/release.js";
import { eventually, TestBench } from "../testing/server.js";
import { actionOf, rolloutOfAction } from "./actions.js";
import { sleepText } from "./documents.js";
import { detailOf, outcomeOf } from "./feedback.js";

const feedback = (
  execution: DdiFeedback["status"]["execution"],
  finished: DdiFeedback["status"]["result"]["finished"],
  details?: string[],
): DdiFeedback => ({
  status: { execution, result: { finished }, ...(details === undefined ? {} : { details }) },
});

describe("the forms of hawkBit's interface", () => {
  it("writes poll intervals as HH:MM:SS, never zero, never a day", () => {
    expect([0.2, 1, 59.6, 3_661, 1_000_000].map(sleepText)).toEqual([
      "00:00:01",
      "00:00:01",
      "00:01:00",
      "01:01:01",
      "23:59:59",
    ]);
  });

  it("numbers actions so that rollout and kind come back", () => {
    for (const kind of ["update", "rollback"] as const) {
      expect(rolloutOfAction(actionOf({ number: 7 }, kind))).toEqual({ number: 7, kind });
    }
  });

  it("takes only closed and success as success", () => {
    expect(outcomeOf(feedback("closed", "success")).phase).toBe("confirmed");
    expect(outcomeOf(feedback("closed", "none")).phase).toBe("failed");
    expect(outcomeOf(feedback("closed", "failure"))).toEqual({
      phase: "failed",
      code: "install-failed",
      isOver: true,
    });
    expect(outcomeOf(feedback("proceeding", "success"))).toMatchObject({ phase: "applying", isOver: false });
    expect(outcomeOf(feedback("rejected", "none")).code).toBe("waiting-preconditions");
  });

  it("keeps the end of a client's long story", () => {
    const text = detailOf(feedback("closed", "failure", ["x".repeat(2000), "signature is wrong"]));
    expect(text).toHaveLength(512);
    expect(text).toMatch(/signature is wrong$/);
  });
});

describe("hawkBit's door", () => {
  let bench: TestBench;
  let gateway: string;

  beforeAll(async () => {
    bench = await TestBench.start();
    await bench.publishRoot();
    const token = await bench.operator.createDdiToken({ product: "digits", hardware: "plc", maxDevices: 2 });
    gateway = `GatewayToken ${token.token}`;
  });

  afterAll(() => bench.close());

  const call = (path: string, init: RequestInit & { token?: string } = {}) =>
    fetch(`${bench.server.url}${path}`, {
      ...init,
      headers: {
        authorization: init.token ?? gateway,
        ...(init.body === undefined ? {} : { "content-type": "application/json" }),
        ...(init.headers as Record<string, string> | undefined),
      },
    });
  const base = (id: string) => `/default/controller/v1/${id}`;
  const links = async (id: string) =>
    ((await (await call(base(id))).json()) as { _links: Record<string, { href: string }> })._links;
  const pathOf = (href: string) => new URL(href).pathname;
  const post = (path: string, body: DdiFeedback) =>
    call(path, { method: "POST", body: JSON.stringify(body) });

  it("lets a gateway bring in devices up to its number, and nobody without its token", async () => {
    expect((await call(base("plc-1"))).status).toBe(200);
    expect((await call(base("plc-2"))).status).toBe(200);
    expect((await call(base("plc-3"))).status).toBe(401);
    expect((await call(base("PLC 4"))).status).toBe(401);
    for (const token of ["", "GatewayToken wrong", gateway.replace("Gateway", "Target"), "Bearer x"]) {
      expect((await call(base("plc-1"), { token })).status).toBe(401);
    }
    expect((await call("/other-product/controller/v1/plc-1")).status).toBe(404);
    expect((await call("/digits/controller/v1/plc-1")).status).toBe(200);
  });

  it("never lets a token take a device that has a key of its own", async () => {
    const [device] = await bench.devices(1, "keyed");
    expect((await call(base(device!.id))).status).toBe(401);
    await expect(
      bench.operator.createDdiToken({ deviceId: device!.id, product: "digits", hardware: "plc" }),
    ).rejects.toThrow(/has a key of its own/);
    await device!.disconnect();
  });

  it("answers a conditional poll with 304 while nothing is new", async () => {
    const first = await call(base("plc-1"));
    const etag = first.headers.get("etag")!;
    expect((await call(base("plc-1"), { headers: { "if-none-match": etag } })).status).toBe(304);
    const body = JSON.stringify({ mode: "merge", data: { serial: "SN-1", "Not A Tag": "kept aside" } });
    expect((await call(`${base("plc-1")}/configData`, { method: "PUT", body })).status).toBe(200);
    const next = await call(base("plc-1"), { headers: { "if-none-match": etag } });
    expect(next.status).toBe(200);
    expect(Object.keys(((await next.json()) as { _links: object })._links)).toEqual([]);
    expect((await bench.operator.device("plc-1")).device.tags).toEqual({ serial: "SN-1" });
  });

  it("carries a rollout from the deployment to the device's success, and counts a repeated feedback once", async () => {
    const image = new TextEncoder().encode("an image that only its client understands");
    const release = makeRelease(1, undefined, undefined, [
      { hardware: ["plc"], filename: "plc-1.0.0.raucb", bytes: image },
    ]);
    await bench.signers.publish(bench.operator, [release], bench.now());
    const { id } = await bench.operator.createRollout(planForAll("1.0.0"));
    const { deploymentBase } = await eventually(async () => {
      const found = await links("plc-1");
      return found["deploymentBase"] === undefined ? null : found;
    }, "the deployment");
    const path = pathOf(deploymentBase!.href);
    const document = (await (await call(path)).json()) as {
      deployment: {
        chunks: {
          artifacts: {
            filename: string;
            size: number;
            hashes: Record<string, string>;
            _links: Record<string, { href: string }>;
          }[];
        }[];
      };
    };
    expect(document.deployment.chunks).toHaveLength(1);
    const [artifact] = document.deployment.chunks[0]!.artifacts;
    expect(artifact).toMatchObject({ filename: "plc-1.0.0.raucb", size: image.length });
    expect(artifact!.hashes["sha256"]).toBe(sha256(image));
    expect(artifact!.hashes["sha1"]).toMatch(/^[0-9a-f]{40}$/);
    const bytes = await (await fetch(artifact!._links["download-http"]!.href)).arrayBuffer();
    expect(Buffer.from(bytes)).toEqual(Buffer.from(image));

    expect((await post(`${path}/feedback`, feedback("proceeding", "none"))).status).toBe(200);
    // What SWUpdate of 2022 sends: a number as id, and a time in words.
    const legacy = { id: 2, time: "20260101T000000", ...feedback("closed", "success") };
    expect((await post(`${path}/feedback`, legacy)).status).toBe(200);
    expect((await post(`${path}/feedback`, legacy)).status).toBe(200);
    expect((await bench.operator.device("plc-1")).device.runningVersion).toBe("1.0.0");
    expect((await bench.operator.rollout(id)).waves[0]).toMatchObject({ confirmed: 1, offered: 1 });
    expect(await links("plc-1")).toMatchObject({
      installedBase: { href: expect.stringContaining("installedBase") },
    });
    expect((await call(pathOf((await links("plc-1"))["installedBase"]!.href))).status).toBe(200);
    // A feedback for another device's or nobody's action is refused.
    expect((await post(`${base("plc-1")}/deploymentBase/999/feedback`, legacy)).status).toBe(404);
    expect((await post(`${base("plc-2")}/deploymentBase/2/feedback`, legacy)).status).toBe(404);
  });

  it("asks a device that is under way to give up what was aborted", async () => {
    const path = pathOf((await links("plc-2"))["deploymentBase"]!.href);
    expect((await call(path)).status).toBe(200);
    const [rollout] = (await bench.operator.rollouts()).rollouts;
    await bench.operator.act(rollout!.id, "abort");
    const found = await links("plc-2");
    expect(found["deploymentBase"]).toBeUndefined();
    const cancel = pathOf(found["cancelAction"]!.href);
    const document = await (await call(cancel)).json();
    const action = path.split("/").at(-1)!;
    expect(document).toEqual({ id: action, cancelAction: { stopId: action } });
    expect((await post(`${cancel}/feedback`, feedback("closed", "success"))).status).toBe(200);
    expect((await links("plc-2"))["cancelAction"]).toBeUndefined();
  });

  it("tells its clients nothing of a blue-green rollout: they can't hold a release until the switch", async () => {
    const blueGreen = { ...planForAll("1.0.0"), strategy: "blue-green" as const };
    expect((await bench.operator.dryRun(blueGreen)).excluded).toContainEqual({
      reason: "hardware plc can't hold a release until the switch",
      devices: expect.any(Number),
    });
    expect((await bench.operator.device("plc-2")).device).toMatchObject({ canShadow: false, canHold: false });
    const { id } = await bench.operator.createRollout(blueGreen);
    expect((await links("plc-2"))["deploymentBase"]).toBeUndefined();
    await bench.operator.act(id, "abort");
  });

  it("turns a revoked token away at once", async () => {
    const { tokens } = await bench.operator.ddiTokens();
    await bench.operator.revokeDdiToken(tokens.find((one) => one.scheme === "GatewayToken")!.id);
    expect((await call(base("plc-1"))).status).toBe(401);
  });
});
