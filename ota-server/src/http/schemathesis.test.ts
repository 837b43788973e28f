import { execFile, execFileSync } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeRelease } from "../testing/release.js";
import { TestBench } from "../testing/server.js";

/** Path of the command, from MOTE_SCHEMATHESIS or the PATH; null where it is not installed. */
function findSchemathesis(): string | null {
  const command = process.env["MOTE_SCHEMATHESIS"] ?? "schemathesis";
  try {
    execFileSync(command, ["--version"], { stdio: "ignore" });
    return command;
  } catch {
    return null;
  }
}

const command = findSchemathesis();
/** For each operation; with MOTE_FULL more. */
const EXAMPLES = process.env["MOTE_FULL"] === undefined ? "3" : "10";

describe.skipIf(command === null)("schemathesis (needs schemathesis from PyPI)", () => {
  let bench: TestBench;
  beforeAll(async () => {
    // The fuzzer is one address that fails all day long: here it is to reach what lies behind the doors.
    bench = await TestBench.start({ freeSignInFailures: 1_000_000_000, deviceRequestsPerMinute: 1_000_000 });
    await bench.publishRoot();
    await bench.signers.publish(bench.operator, [makeRelease(1)], bench.now());
  });
  afterAll(() => bench.close());

  it("finds no 5xx, and no answer that the OpenAPI document does not name", {
    timeout: 900_000,
  }, async () => {
    const checks = [
      "not_a_server_error",
      "response_schema_conformance",
      "status_code_conformance",
      "content_type_conformance",
    ];
    const args = [
      ...["run", `${bench.server.url}/openapi.json`, "-H", `Authorization: Bearer ${await fuzzersToken()}`],
      ...["--checks", checks.join(","), "--phases", "examples,coverage,fuzzing", "--seed", "1"],
      // The stream of events never ends.
      ...["--max-examples", EXAMPLES, "--exclude-path", "/api/v1/events", "--no-color"],
    ];
    // Its caches belong into no checkout.
    const options = { maxBuffer: 64 << 20, cwd: bench.folder };
    const output = await promisify(execFile)(command!, args, options).then(
      ({ stdout }) => stdout,
      (error: { stdout: string; stderr: string }) => `${error.stdout}\n${error.stderr}`,
    );
    const failures = output.slice(output.indexOf("= FAILURES ="), output.indexOf("= WARNINGS ="));
    expect(output.includes("= FAILURES =") ? failures.slice(0, 4000) : "").toBe("");
    expect(output).not.toContain("= ERRORS =");
    expect(Number(/(\d+) generated/.exec(output)?.[1])).toBeGreaterThan(1000);
    // And the server is still itself.
    expect((await bench.operator.fleet()).devices).toBeGreaterThanOrEqual(0);
    expect((await bench.operator.audit()).brokenAt).toBeNull();
  });

  /** Not an admin: it would end its own access, and the test's, in its first minute. */
  const fuzzersToken = () => bench.addPerson("fuzzer", "release-manager");
});
