import { DEFAULT_GATES, type RolloutPlan } from "@mote/protocol";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { TestDevice } from "../testing/device.js";
import { makeRelease } from "../testing/release.js";
import { eventually, TestBench } from "../testing/server.js";

/** What operators ask of a rollout beside its gates, on a real server with real devices. */
describe("a rollout on a server", () => {
  let bench: TestBench;
  let devices: TestDevice[];
  let version = 0;

  beforeAll(async () => {
    bench = await TestBench.start();
    await bench.publishRoot();
    devices = await bench.devices(6);
    for (const device of devices) await device.poll();
  });

  afterAll(async () => {
    for (const device of devices) await device.disconnect(true);
    await bench.close();
  });

  afterEach(async () => {
    for (const { id, state } of (await bench.operator.rollouts()).rollouts) {
      if (state !== "completed" && state !== "aborted") await bench.operator.act(id, "abort");
    }
  });

  /** Publishes the next release and starts it. */
  async function rollOut(change: Partial<RolloutPlan> = {}): Promise<string> {
    version++;
    await bench.signers.publish(bench.operator, [makeRelease(version)], bench.now());
    return start(`${version}.0.0`, change);
  }

  async function start(of: string, change: Partial<RolloutPlan> = {}): Promise<string> {
    const view = await bench.operator.createRollout({
      product: "digits",
      version: of,
      query: {},
      waves: [{ name: "everybody", share: 1, soakS: 0 }],
      gates: {
        ...DEFAULT_GATES,
        telemetry: [],
        minConfirmedShare: 1,
        installTimeoutS: 100_000,
        deadlineS: 1_000_000,
      },
      onFailure: "hold",
      preconditions: {},
      approvals: 0,
      ...change,
    });
    return view.id;
  }

  const offers = async () => {
    const found = await Promise.all(devices.map((device) => device.poll()));
    return found.filter((offer) => offer !== null);
  };
  /** Polls until so many are told: on a busy machine the first polls may be asked to come back for their patch. */
  const told = (count: number) =>
    eventually(async () => {
      const found = await offers();
      expect(found.length).toBeLessThanOrEqual(count);
      return found.length === count ? found : null;
    }, `${count} offers`);
  const opened = (id: string) =>
    eventually(async () => (await bench.operator.rollout(id)).waves[0]?.openedAtMs, "the first wave");

  it("tells a blue-green rollout to nobody whose agent can't hold, and says so before and after the start", async () => {
    const [old, ...others] = devices;
    for (const device of others) device.abilities = { canShadow: true, canHold: true };
    for (const device of devices) await device.poll();
    const id = await rollOut({ strategy: "blue-green" });
    const { plan } = await bench.operator.rollout(id);
    await bench.operator.act(id, "abort");
    const { eligible, excluded } = await bench.operator.dryRun(plan);
    expect(eligible).toBe(5);
    expect(excluded).toEqual([{ reason: expect.stringContaining("an older agent"), devices: 1 }]);
    const { device } = await bench.operator.device(old!.id);
    expect(device).toMatchObject({ canShadow: true, canHold: false });
    const again = await bench.operator.createRollout(plan);
    await opened(again.id);
    expect((await bench.operator.rollout(again.id)).reason).toContain(
      "5 devices, whose spare slots are filled; 1 more can't hold a release until the switch",
    );
    await told(5);
    // Its agent has been updated.
    old!.abilities = { canHold: true };
    await told(6);
    for (const one of devices) one.abilities = { canShadow: true };
  });

  it("lets no more devices at it than its limit, however many ask at once", async () => {
    const id = await rollOut({ limits: { concurrent: 2 } });
    await opened(id);
    await told(2);
    expect(await offers()).toHaveLength(2);
    const busy = await eventually(async () => {
      for (const device of devices) if ((await device.update()) !== null) return device;
      return null;
    }, "one that is done");
    expect(busy.sequence).toBe(version);
    bench.aheadMs += 2000;
    await told(2);
  });

  it("tells no more devices within an hour than its limit, and goes on in the next", async () => {
    const id = await rollOut({ limits: { installsPerHour: 3 } });
    await opened(id);
    await told(3);
    bench.aheadMs += 3_600_000 - 10_000;
    await Promise.all(devices.map((device) => device.signIn()));
    expect(await offers()).toHaveLength(3);
    bench.aheadMs += 11_000;
    await told(6);
  });

  it("runs beside another one only where no device can be in both, and names the other", async () => {
    const id = await rollOut({ query: { tags: { site: "north" } }, approvals: 1 });
    await expect(start(`${version}.0.0`)).rejects.toThrow(
      new RegExp(`could reach the same devices; got ${id}`),
    );
    const other = await start(`${version}.0.0`, { query: { tags: { site: "south" } }, approvals: 1 });
    expect(other).not.toBe(id);
  });

  it("is refused where it asks for what this server does not do", async () => {
    const waves = [{ name: "all", share: 1, soakS: 0 }];
    await expect(start(`${version}.0.0`, { strategy: "a-b", waves })).rejects.toThrow(
      /leaves devices without the release/,
    );
    await expect(start(`${version}.0.0`, { switch: {} })).rejects.toThrow(/strategy "blue-green"/);
    await expect(start(`${version}.0.0`, { shadowShare: 0.5 })).rejects.toThrow(/strategy "shadow"/);
    await expect(start(`${version}.0.0`, { preconditions: { timeZone: "Mars/Olympus" } })).rejects.toThrow(
      /IANA/,
    );
  });

  it("says what its devices wait for, and forgets it when they go on", async () => {
    const id = await rollOut({ preconditions: { minBatteryPercent: 90 } });
    await opened(id);
    const [device] = devices as [TestDevice];
    const offer = await eventually(() => device.poll(), "the offer");
    expect(offer.preconditions).toEqual({ minBatteryPercent: 90 });
    const waiting = {
      ...device.report(offer, "waiting", "waiting-preconditions"),
      detail: "minBatteryPercent",
    };
    await device.client.reports(device.id, device.token, [waiting]);
    expect((await bench.operator.rollout(id)).waiting).toEqual([{ reason: "minBatteryPercent", devices: 1 }]);
    await device.client.reports(device.id, device.token, [device.report(offer, "downloading")]);
    expect((await bench.operator.rollout(id)).waiting).toEqual([]);
  });

  it("asks more of a wave than of the rest where the wave says so, and of nobody behind broken glass", async () => {
    const windows = [{ from: "02:00", to: "02:05" }];
    const id = await rollOut({
      preconditions: { minFreeBytes: 10 },
      waves: [{ name: "everybody", share: 1, soakS: 0, preconditions: { windows } }],
      approvals: 2,
    });
    expect(await offers()).toHaveLength(0);
    const { waits } = await bench.operator.dryRun((await bench.operator.rollout(id)).plan);
    expect(waits).toEqual([]);
    const comment = "the old model harms people";
    await expect(bench.operator.act(id, "break-glass", { comment: "quick" })).rejects.toThrow(/reason/);
    const view = await bench.operator.act(id, "break-glass", { comment });
    expect(view.breakGlass).toMatchObject({ by: "admin", comment });
    await opened(id);
    expect((await told(6)).map(({ preconditions }) => preconditions)).toEqual(devices.map(() => ({})));
    const { entries } = await bench.operator.audit();
    expect(entries.find(({ action }) => action.includes("break-glass") && action.includes(id))).toMatchObject(
      {
        by: "admin",
        detail: expect.stringContaining(comment),
      },
    );
  });

  it("hands a wave's preconditions to its devices", async () => {
    const windows = [{ from: "02:00", to: "02:05" }];
    const id = await rollOut({
      preconditions: { minFreeBytes: 10 },
      waves: [{ name: "everybody", share: 1, soakS: 0, preconditions: { windows } }],
    });
    await opened(id);
    expect((await told(6))[0]?.preconditions).toEqual({ minFreeBytes: 10, windows });
  });

  it("tries a broken download again after a pause, and does not count it as failed meanwhile", async () => {
    const id = await rollOut({ retries: { maxAttempts: 2, backoffS: 600 } });
    await opened(id);
    const [device] = devices as [TestDevice];
    const offer = await eventually(() => device.poll(), "the offer");
    const fail = () =>
      device.client.reports(device.id, device.token, [device.report(offer, "failed", "download-failed")]);
    await fail();
    expect(await device.poll()).toBeNull();
    bench.aheadMs += 601_000;
    expect((await device.poll())?.id).toBe(offer.id);
    await fail();
    bench.aheadMs += 3_000_000;
    await device.signIn();
    expect(await device.poll()).toBeNull();
    const view = await eventually(async () => {
      const now = await bench.operator.rollout(id);
      return now.state === "held" ? now : null;
    }, "the install gate");
    expect(view.reason).toMatch(/installs/);
  });

  it("reaches a device that appears after its end", async () => {
    const id = await rollOut();
    await opened(id);
    await Promise.all(devices.map((device) => device.signIn()));
    await eventually(async () => {
      for (const device of devices) await device.update();
      return (await bench.operator.rollout(id)).state === "completed";
    }, "the end");
    const [late] = await bench.devices(1, "late");
    devices.push(late!);
    const offer = await eventually(() => late!.poll(), "the offer");
    expect(offer.version).toBe(`${version}.0.0`);
  });
});
