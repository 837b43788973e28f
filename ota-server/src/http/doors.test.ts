import { createHash } from "node:crypto";
import { DEFAULT_GATES, OPERATOR_PATHS, type OperatorClient, PATHS, type RolloutPlan } from "@mote/protocol";
import { generateKey } from "@mote/protocol/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DownloadRights } from "../fleet/downloadRights.js";
import { TestDevice } from "../testing/device.js";
import { makeRelease, type TestRelease } from "../testing/release.js";
import { eventually, TestBench } from "../testing/server.js";

let bench: TestBench;
let client: OperatorClient;
let release: TestRelease;
let url: string;

beforeAll(async () => {
  bench = await TestBench.start();
  client = bench.operator;
  url = bench.server.url;
  await bench.publishRoot();
  release = makeRelease(1);
  await bench.signers.publish(client, [release], bench.now());
});
afterAll(() => bench.close());

function plan(version: string, change: Partial<RolloutPlan> = {}): RolloutPlan {
  return {
    product: "digits",
    version,
    query: {},
    waves: [{ name: "all", share: 1, soakS: 0 }],
    gates: DEFAULT_GATES,
    onFailure: "hold",
    preconditions: {},
    approvals: 0,
    ...change,
  };
}

const newToken = async (more: object = {}) => {
  const { tokens } = await client.createEnrolmentTokens({ product: "digits", ...more });
  return tokens[0]!.token;
};

describe("an operator's upload", () => {
  test("of a bundle with one flipped byte is refused and leaves no release behind", async () => {
    const { bundle } = makeRelease(7);
    for (const at of [3, 400, bundle.length - 10]) {
      const damaged = bundle.slice();
      damaged[at]! ^= 1;
      await expect(client.uploadBundle(damaged)).rejects.toMatchObject({ status: 400 });
    }
    await expect(client.uploadBundle(bundle.subarray(0, bundle.length - 1))).rejects.toMatchObject({
      status: 400,
    });
    expect((await client.releases()).releases.map((one) => one.version)).toEqual(["1.0.0"]);
  });

  test("may come twice, but a version never changes", async () => {
    expect(await client.uploadBundle(release.bundle)).toMatchObject({
      version: "1.0.0",
      signedBy: "offline",
    });
    await expect(client.uploadBundle(makeRelease(1).bundle)).rejects.toMatchObject({
      status: 409,
      serverCode: "MOTE_CONFLICT",
    });
  });

  test("of metadata that another key signed is refused as a device would refuse it", async () => {
    const { file, bytes } = bench.signers.sign([], bench.now(), { by: generateKey() });
    await expect(client.putMetadata(file, bytes)).rejects.toMatchObject({
      status: 422,
      serverCode: "MOTE_TRUST_SIGNATURE",
      exitCode: 4,
    });
    expect((await client.trust()).roles.find((role) => role.role === "targets")?.version).toBe(1);
  });

  test("of an older root, or of other bytes under a published name, is refused", async () => {
    const other = bench.signers.rootFor(bench.keys, bench.now() - 86_400_000);
    await expect(client.putMetadata("1.root.json", other)).rejects.toMatchObject({
      serverCode: "MOTE_CONFLICT",
    });
    await expect(client.putMetadata("3.root.json", other)).rejects.toMatchObject({ exitCode: 4 });
    await expect(client.putMetadata("timestamp.json", other)).rejects.toMatchObject({ status: 422 });
  });
});

describe("a rollout", () => {
  test("of a release that nobody signed is refused by trust", async () => {
    await client.uploadBundle(makeRelease(5).bundle);
    await expect(client.createRollout(plan("5.0.0"))).rejects.toMatchObject({
      serverCode: "MOTE_TRUST_NO_TARGET",
      exitCode: 4,
    });
  });

  test("of a release that was never uploaded, or with waves that shrink, is refused in words", async () => {
    await expect(client.createRollout(plan("9.9.9"))).rejects.toThrow(/mote publish/);
    const shrinking = [
      { name: "a", share: 0.5, soakS: 0 },
      { name: "b", share: 0.1, soakS: 0 },
    ];
    await expect(client.createRollout(plan("1.0.0", { waves: shrinking }))).rejects.toThrow(/grow/);
  });

  test("is refused while another of the product is under way", async () => {
    const first = await client.createRollout(plan("1.0.0", { approvals: 1 }));
    await expect(client.createRollout(plan("1.0.0"))).rejects.toMatchObject({ status: 409 });
    expect((await client.act(first.id, "abort", { comment: "test" })).state).toBe("aborted");
  });
});

describe("enrolment", () => {
  test("answers the same device and key again, and no other", async () => {
    const token = await newToken();
    const device = new TestDevice("enrol-1", url);
    await device.enroll(token);
    await device.enroll(token);
    await expect(new TestDevice("enrol-1", url).enroll(token)).rejects.toMatchObject({ status: 409 });
    await expect(new TestDevice("enrol-2", url).enroll(token)).rejects.toMatchObject({ status: 409 });
  });

  test("refuses unknown and expired tokens and the wrong hardware", async () => {
    await expect(new TestDevice("enrol-3", url).enroll("x".repeat(40))).rejects.toMatchObject({
      status: 401,
    });
    const bound = await newToken({ hardware: "mcu" });
    await expect(new TestDevice("enrol-3", url, "gateway").enroll(bound)).rejects.toMatchObject({
      status: 403,
    });
    const short = await newToken({ expiresInS: 1 });
    bench.aheadMs += 5000;
    await expect(new TestDevice("enrol-3", url).enroll(short)).rejects.toMatchObject({ status: 401 });
  });
});

describe("a session", () => {
  test("needs the device's own signature over an unused nonce of its own", async () => {
    const device = new TestDevice("session-1", url);
    await device.enroll(await newToken());
    const nonce = await device.client.nonce(device.id);
    const refused = { status: 401, serverCode: "MOTE_UNAUTHENTICATED" };
    const sign = (id: string, text: string) =>
      Buffer.from(device.key.sign(new TextEncoder().encode(`mote-session-v1\n${id}\n${text}`))).toString(
        "hex",
      );
    await expect(
      device.client.session(device.id, nonce, device.forgedSignature(nonce)),
    ).rejects.toMatchObject(refused);
    const foreign = await device.client.nonce("session-2");
    await expect(device.client.session(device.id, foreign, sign(device.id, foreign))).rejects.toMatchObject(
      refused,
    );
    await device.client.session(device.id, nonce, sign(device.id, nonce));
    await expect(device.client.session(device.id, nonce, sign(device.id, nonce))).rejects.toMatchObject(
      refused,
    );
    const late = await device.client.nonce(device.id);
    bench.aheadMs += 61_000;
    await expect(device.client.session(device.id, late, sign(device.id, late))).rejects.toMatchObject(
      refused,
    );
  });

  test("is worth nothing for another device, after its time, and once the device is revoked", async () => {
    const [a, b] = await bench.devices(2, "session-x");
    const poll = a!.poll();
    expect(await poll).toBeNull();
    a!.token = b!.token;
    await expect(a!.poll()).rejects.toMatchObject({ status: 401 });
    await a!.signIn();
    bench.aheadMs += 3_601_000;
    await expect(a!.poll()).rejects.toMatchObject({ status: 401 });
    await a!.signIn();
    await client.revokeDevice(a!.id);
    await expect(a!.poll()).rejects.toMatchObject({ status: 401 });
    await expect(a!.signIn()).rejects.toMatchObject({ status: 401 });
    await eventually(async () => !a!.isConnected, "the broker to end the revoked device's connection");
    await Promise.all([a!.disconnect(), b!.disconnect()]);
  });
});

test("a list of devices takes one word for what they run, and refuses two", async () => {
  expect((await client.devices({ sequence: 77 })).devices).toEqual([]);
  await expect(client.devices({ product: "digits", sequence: 0, running: "1.0.0" })).rejects.toThrow(
    /either sequence or running/,
  );
});

test("a report that comes again is acknowledged again and counted once", async () => {
  const [device] = await bench.devices(1, "report");
  const before = (await client.fleet()).reports;
  const report = device!.report(
    {
      id: "none",
      kind: "update",
      name: "digits",
      version: "1.0.0",
      sequence: 1,
      target: "",
      routes: [],
      preconditions: {},
    },
    "failed",
    "download-failed",
  );
  const answers = [
    await device!.client.reports(device!.id, device!.token, [report]),
    await device!.client.reports(device!.id, device!.token, [report]),
  ];
  expect(answers).toEqual([[report.id], [report.id]]);
  await device!.sendReports([report]);
  expect((await client.fleet()).reports).toBe(before + 1);
  expect((await client.device(device!.id)).reports).toHaveLength(1);
  await device!.disconnect();
});

describe("a blob", () => {
  const get = (headers: Record<string, string> = {}, method = "GET") => {
    const digest = createHash("sha256").update(release.artifact).digest("hex");
    return fetch(`${url}${PATHS.blob(digest)}`, {
      headers: { authorization: `Bearer ${bench.token}`, ...headers },
      method,
    });
  };

  test("is for devices and people; who shows nothing, or what was made for something else, gets none of it", async () => {
    const [device] = await bench.devices(1, "reader");
    expect((await get({ authorization: `Bearer ${device!.token}` })).status).toBe(200);
    const other = "0".repeat(64);
    const rights = await DownloadRights.open(bench.server.store, () => bench.now());
    const digest = createHash("sha256").update(release.artifact).digest("hex");
    const follow = (pass: string) => fetch(`${url}${PATHS.blob(digest)}?pass=${pass}`);
    expect((await follow(rights.pass(digest))).status).toBe(200);
    for (const authorization of ["", "Bearer guess", `Bearer ${device!.token}x`]) {
      expect((await get({ authorization })).status).toBe(401);
    }
    const late = await DownloadRights.open(bench.server.store, () => bench.now() - 3 * 86_400_000);
    for (const pass of [rights.pass(other), late.pass(digest), "1.x", `9${rights.pass(digest)}`]) {
      expect((await follow(pass)).status).toBe(401);
    }
    await client.revokeDevice(device!.id);
    expect((await get({ authorization: `Bearer ${device!.token}` })).status).toBe(401);
    await device!.disconnect(true);
  });

  test("comes whole, with a strong validator, for ever", async () => {
    const response = await get();
    expect(response.status).toBe(200);
    expect(response.headers.get("cache-control")).toContain("immutable");
    expect(response.headers.get("etag")).toMatch(/^"[0-9a-f]{64}"$/);
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(release.artifact);
  });

  test("comes in part, from the middle or the end", async () => {
    const middle = await get({ range: "bytes=100-199" });
    expect([middle.status, middle.headers.get("content-range")]).toEqual([206, "bytes 100-199/4096"]);
    expect(new Uint8Array(await middle.arrayBuffer())).toEqual(release.artifact.subarray(100, 200));
    const rest = await get({ range: "bytes=4000-" });
    expect((await rest.arrayBuffer()).byteLength).toBe(96);
    const end = await get({ range: "bytes=-10" });
    expect(new Uint8Array(await end.arrayBuffer())).toEqual(release.artifact.subarray(4086));
  });

  test("has no bytes beyond its end", async () => {
    const response = await get({ range: "bytes=4096-" });
    expect([response.status, response.headers.get("content-range")]).toEqual([416, "bytes */4096"]);
  });

  test("is not sent again to who holds it, nor in part to who holds part of another", async () => {
    const etag = (await get()).headers.get("etag")!;
    expect((await get({ "if-none-match": `W/"x", ${etag}` })).status).toBe(304);
    expect((await get({ range: "bytes=5-", "if-range": etag })).status).toBe(206);
    expect((await get({ range: "bytes=5-", "if-range": '"another"' })).status).toBe(200);
  });

  test("answers HEAD with its length and no body", async () => {
    const response = await get({}, "HEAD");
    expect([response.status, response.headers.get("content-length")]).toEqual([200, "4096"]);
    expect((await response.arrayBuffer()).byteLength).toBe(0);
  });

  test("that is not there, or is no digest, is refused in the one form", async () => {
    for (const [digest, status] of [
      ["0".repeat(64), 404],
      ["../../etc/passwd", 404],
      ["zz", 400],
    ] as const) {
      const response = await fetch(`${url}/blobs/${digest}`, {
        headers: { authorization: `Bearer ${bench.token}` },
      });
      expect(response.status).toBe(status);
      expect(await response.json()).toEqual({
        code: expect.stringMatching(/^MOTE_/),
        message: expect.any(String),
        requestId: response.headers.get("x-request-id"),
      });
    }
  });
});

describe("malformed requests", () => {
  const post = (path: string, body: string, headers: Record<string, string> = {}) =>
    fetch(`${url}${path}`, {
      method: "POST",
      body,
      headers: { "content-type": "application/json", ...headers },
    });

  test("are refused by name and change nothing", async () => {
    const cases: [string, number][] = [
      ["{", 400],
      ["[]", 400],
      ['{"token":"short"}', 400],
      [
        JSON.stringify({ token: "x".repeat(20), deviceId: "a b", publicKey: "00", hardware: "x", tags: {} }),
        400,
      ],
      ["x".repeat(300_000), 413],
    ];
    for (const [body, status] of cases) {
      const response = await post(PATHS.enroll, body);
      expect([body.slice(0, 20), response.status]).toEqual([body.slice(0, 20), status]);
      expect(await response.json()).toMatchObject({ code: expect.stringMatching(/^MOTE_/) });
    }
    const other = await post(PATHS.enroll, "<x/>", { "content-type": "text/xml" });
    expect(other.status).toBe(415);
  });

  test("that no route can take have the one form too: endless names, broken URLs, uploads of nothing", async () => {
    const long = await fetch(`${bench.server.url}/tuf/metadata/${"x".repeat(400)}`);
    expect(await long.json()).toMatchObject({ message: expect.any(String), requestId: expect.any(String) });
    const broken = await fetch(`${bench.server.url}/tuf/metadata/%c0%af`);
    expect(broken.status).toBe(400);
    expect(await broken.json()).toMatchObject({ code: "MOTE_SCHEMA", requestId: expect.any(String) });
    for (const init of [{}, { body: "{}", headers: { "content-type": "application/json" } }]) {
      const token = await bench.addPerson("uploader", "admin");
      const answer = await fetch(`${bench.server.url}${OPERATOR_PATHS.bundles}`, {
        method: "POST",
        ...init,
        headers: { ...init.headers, authorization: `Bearer ${token}` },
      });
      expect(answer.status).toBe(400);
    }
  });

  test("with fields that the contract does not know are refused, not trimmed", async () => {
    const token = await newToken();
    const request = {
      token,
      deviceId: "extra",
      publicKey: "00".repeat(32),
      hardware: "x",
      tags: {},
      admin: true,
    };
    expect((await post(PATHS.enroll, JSON.stringify(request))).status).toBe(400);
  });

  test("never reach an operator's door without a token, or with a role that is too low", async () => {
    for (const path of [OPERATOR_PATHS.fleet, OPERATOR_PATHS.rollouts, OPERATOR_PATHS.events]) {
      expect((await fetch(`${url}${path}`)).status).toBe(401);
      expect((await fetch(`${url}${path}`, { headers: { authorization: "Bearer nonsense" } })).status).toBe(
        401,
      );
    }
    expect(
      (await post(OPERATOR_PATHS.bundles, "x", { "content-type": "application/octet-stream" })).status,
    ).toBe(401);
  });
});

test("a viewer may look and not touch", async () => {
  const token = await bench.addPerson("vera", "viewer");
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  expect((await fetch(`${url}${OPERATOR_PATHS.fleet}`, { headers })).status).toBe(200);
  const response = await fetch(`${url}${OPERATOR_PATHS.enrolmentTokens}`, {
    method: "POST",
    headers,
    body: JSON.stringify({ product: "digits" }),
  });
  expect(response.status).toBe(403);
});

test("the OpenAPI document names every path of the contract", async () => {
  const document = (await (await fetch(`${url}/openapi.json`)).json()) as { paths: Record<string, object> };
  const filled = (path: string | ((...names: never[]) => string)) =>
    typeof path === "string" ? path : (path as (...names: string[]) => string)("{}", "approve");
  const known = new Set(Object.keys(document.paths).map((path) => path.replace(/\{[^}]+\}/g, "{}")));
  const wanted = [...Object.values(OPERATOR_PATHS), ...Object.values(PATHS)].map(filled);
  const missing = wanted
    // A release is named by product and version; the document doesn't describe itself.
    .map((path) =>
      path.startsWith(`${OPERATOR_PATHS.releases}/`) ? `${OPERATOR_PATHS.releases}/{}/{}` : path,
    )
    .filter((path) => path !== OPERATOR_PATHS.openapi && !known.has(path));
  expect(missing).toEqual([]);
});

test("the stream of events says that something changed", async () => {
  const stop = new AbortController();
  const seen: string[] = [];
  const reading = (async () => {
    for await (const event of client.events(stop.signal)) {
      seen.push(event.type);
      if (event.type === "device") stop.abort();
    }
  })();
  await eventually(async () => {
    const [device] = await bench.devices(1, `event-${seen.length}`);
    await device!.poll();
    await device!.disconnect();
    return stop.signal.aborted;
  }, "an event");
  await reading;
  expect(seen).toContain("device");
});
