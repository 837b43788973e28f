import { DEFAULT_GATES, OPERATOR_PATHS, OperatorClient, type Role } from "@mote/protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeRelease } from "../testing/release.js";
import { TestBench } from "../testing/server.js";

let bench: TestBench;
beforeAll(async () => {
  bench = await TestBench.start();
  await bench.publishRoot();
  await bench.signers.publish(bench.operator, [makeRelease(1)], bench.now());
});
afterAll(() => bench.close());

async function person(id: string, role: Role): Promise<OperatorClient> {
  const { token } = await bench.operator.putPerson({ id, role });
  return new OperatorClient({ url: bench.server.url, token, fetch });
}

test("a rollout that asks for two approvals starts with the second person's", async () => {
  const [ann, bob, vera] = await Promise.all([
    person("ann", "approver"),
    person("bob", "approver"),
    person("vera", "operator"),
  ]);
  const rollout = await vera.createRollout({
    product: "digits",
    version: "1.0.0",
    query: {},
    waves: [{ name: "all", share: 1, soakS: 0 }],
    gates: DEFAULT_GATES,
    onFailure: "hold",
    preconditions: {},
    approvals: 2,
  });
  expect(rollout.state).toBe("awaiting-approval");
  await expect(vera.act(rollout.id, "approve")).rejects.toMatchObject({ status: 403 });
  expect((await ann.act(rollout.id, "approve", { comment: "looks good" })).state).toBe("awaiting-approval");
  await expect(ann.act(rollout.id, "approve")).rejects.toMatchObject({ status: 409 });
  expect((await bob.act(rollout.id, "approve")).state).not.toBe("awaiting-approval");
});

test("access ends at once, and no admin ends their own", async () => {
  const carl = await person("carl", "admin");
  await expect(bench.operator.revokePerson("admin")).rejects.toMatchObject({ status: 409 });
  await bench.operator.revokePerson("carl");
  await expect(carl.fleet()).rejects.toMatchObject({ status: 401 });
  const { people } = await bench.operator.people();
  expect(people.find((one) => one.id === "carl")).toMatchObject({ role: "admin", revoked: true });
});

test("the audit names who did what, refusals too, and shows any change of its past", async () => {
  const dora = await person("dora", "viewer");
  await dora.createEnrolmentTokens({ product: "digits" }).catch(() => undefined);
  const { entries, brokenAt } = await bench.operator.audit();
  expect(brokenAt).toBeNull();
  expect(entries[0]).toMatchObject({
    by: "dora",
    action: `POST ${OPERATOR_PATHS.enrolmentTokens}`,
    status: 403,
    detail: '{"product":"digits"}',
  });
  expect(entries.some((entry) => entry.by === "admin" && entry.action.startsWith("PUT /api/v1/trust"))).toBe(
    true,
  );
  const victim = entries[2]!.number;
  await bench.server.store.write((db) =>
    db.updateTable("audit").set({ by_whom: "nobody" }).where("number", "=", victim).execute(),
  );
  expect((await bench.operator.audit()).brokenAt).toBe(victim);
});

test("the audit has one entry for each change", async () => {
  const before = (await bench.operator.audit()).entries[0]!.number;
  await bench.operator.createEnrolmentTokens({ product: "digits" });
  await bench.operator.createEnrolmentTokens({ product: "lamps" });
  const { entries } = await bench.operator.audit();
  expect(entries[0]!.number).toBe(before + 2);
  expect(entries[0]).toMatchObject({ by: "admin", status: 200, detail: '{"product":"lamps"}' });
});

test("Prometheus finds devices, rollouts and answers by route", async () => {
  const { token } = await bench.operator.putPerson({ id: "prometheus", role: "viewer" });
  const headers = { authorization: `Bearer ${token}` };
  const text = await (await fetch(`${bench.server.url}${OPERATOR_PATHS.metrics}`, { headers })).text();
  expect(text).toMatch(/mote_rollouts\{state="completed"\} 1/);
  expect(text).toMatch(
    /mote_http_request_seconds_count\{method="POST",route="\/api\/v1\/people",status="200"\}/,
  );
  expect((await fetch(`${bench.server.url}${OPERATOR_PATHS.metrics}`)).status).toBe(401);
});
