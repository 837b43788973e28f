import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeRelease, planForAll, type TestRelease } from "../testing/release.js";
import { eventually, TestBench } from "../testing/server.js";
import { BrokenLine, hasSwupdate, SwupdateDevice } from "../testing/swupdate.js";

const DEVICE = "camera-17";
const HARDWARE = "camera-v2";

describe.skipIf(!hasSwupdate())("Debian's swupdate at the hawkBit door (needs swupdate and openssl)", () => {
  let bench: TestBench;
  let camera: SwupdateDevice;
  let token: string;
  let line: BrokenLine;
  let lineUrl: string;

  beforeAll(async () => {
    bench = await TestBench.start();
    await bench.publishRoot();
    camera = new SwupdateDevice();
    const made = await bench.operator.createDdiToken({
      deviceId: DEVICE,
      product: "digits",
      hardware: HARDWARE,
      tags: { site: "north" },
    });
    expect(made.scheme).toBe("TargetToken");
    token = made.token;
    ({ line, url: lineUrl } = await BrokenLine.open(bench.server.url, 80_000));
  });

  afterAll(async () => {
    await camera?.close();
    await line?.close();
    await bench?.close();
  });

  async function rollOut(release: TestRelease): Promise<string> {
    await bench.signers.publish(bench.operator, [release], bench.now());
    const plan = planForAll(release.manifest.version, { query: { hardware: [HARDWARE] } });
    return (await bench.operator.createRollout(plan)).id;
  }

  const image = (bytes: Uint8Array) => [{ hardware: [HARDWARE], filename: "camera.swu", bytes }];

  it("installs a signed image over a line that breaks, resuming where it broke, and confirms after its restart", {
    timeout: 90_000,
  }, async () => {
    const payload = new Uint8Array(randomBytes(300_000));
    camera.start({ url: lineUrl, id: DEVICE, token });
    // Its first poll makes it known as alive, and its facts become tags beside the operator's.
    await eventually(async () => {
      const { device } = await bench.operator.device(DEVICE);
      return device.tags["serial"] === "SN-17" && device.tags["site"] === "north";
    }, "configData");
    const id = await rollOut(makeRelease(1, undefined, undefined, image(camera.pack("1.0.0", payload))));
    const held = () => (existsSync(camera.installed) ? readFileSync(camera.installed) : Buffer.alloc(0));
    await eventually(async () => held().equals(payload), "the installation");
    await camera.stop();
    const downloads = line.requests.filter((request) => request.includes("/blobs/"));
    expect(downloads[0]).toMatch(/^HEAD /);
    expect(downloads.some((request) => /^GET \S+ bytes=[1-9]\d*-$/.test(request))).toBe(true);
    // Not before the device says so after its restart: a download is no success.
    expect((await bench.operator.device(DEVICE)).device.runningSequence).toBe(0);

    camera.start({ url: lineUrl, id: DEVICE, token, confirm: "2" });
    await eventually(
      async () => (await bench.operator.rollout(id)).state === "completed",
      "the rollout's end",
    );
    expect((await bench.operator.device(DEVICE)).device.runningVersion).toBe("1.0.0");
    await camera.stop();
  });

  it("reports a tampered image as failed, which stops the rollout", { timeout: 90_000 }, async () => {
    const payload = new Uint8Array(randomBytes(50_000));
    const tampered = Uint8Array.from(payload);
    tampered[25_000]! ^= 1;
    const bundle = camera.pack("2.0.0", payload, tampered);
    const id = await rollOut(makeRelease(2, undefined, undefined, image(bundle)));
    camera.start({ url: lineUrl, id: DEVICE, token });
    const view = await eventually(async () => {
      const now = await bench.operator.rollout(id);
      return now.state === "held" ? now : null;
    }, "the gate");
    await camera.stop();
    expect(view.waves[0]?.failed).toBe(1);
    const { device, reports } = await bench.operator.device(DEVICE);
    expect(device.runningVersion).toBe("1.0.0");
    expect(reports.map(({ report }) => report.code)).toContain("install-failed");
  });
});
