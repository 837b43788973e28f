import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  buildTargets,
  ed25519Key,
  findTarget,
  pinRoot,
  refresh,
  signRole,
  type TrustState,
  toHex,
} from "@mote/protocol";
import { generateKey, nodeSha256, nodeVerify, TestRepository, testKeys } from "@mote/protocol/node";
import { Updater } from "tuf-js";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

/** What our signers write, npm's own TUF client reads, and both clients come to the same verdict. */

const DEPS = { sha256: nodeSha256, verify: nodeVerify };
const PATH = "reader/1.0.0/manifest.json";

let folder = "";
let server: Server;
let repository: TestRepository;
let state: TrustState;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "mote-tuf-"));
  repository = new TestRepository();
  server = createServer((request, response) => {
    const file = repository.files.get(decodeURI(request.url!).slice(1));
    if (file === undefined) response.writeHead(404).end();
    else response.end(file);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // tuf-js reads the machine's clock.
  vi.useFakeTimers({ now: repository.nowMs, toFake: ["Date"] });
  await writeFile(join(folder, "root.json"), repository.files.get("1.root.json")!);
  state = pinRoot(repository.files.get("1.root.json")!);
});

afterEach(async () => {
  vi.useRealTimers();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

function peer(): Updater {
  const { port } = server.address() as AddressInfo;
  return new Updater({
    metadataDir: folder,
    metadataBaseUrl: `http://127.0.0.1:${port}`,
    config: { fetchRetries: 0, fetchRetry: 0 },
  });
}

/** Does each client take what the repository has now? Our state is kept beside the peer's folder. */
async function verdicts(): Promise<{ ours: boolean; theirs: boolean }> {
  vi.setSystemTime(repository.nowMs);
  const theirs = await peer()
    .refresh()
    .then(
      () => true,
      () => false,
    );
  const ours = await refresh(state, repository.deps()).then(
    (next) => {
      state = next;
      return true;
    },
    () => false,
  );
  return { ours, theirs };
}
function addTarget(): void {
  const bytes = new TextEncoder().encode("a manifest");
  repository.targets = {
    [PATH]: {
      length: bytes.length,
      hashes: { sha256: toHex(nodeSha256(bytes)) },
      custom: { name: "reader", version: "1.0.0", sequence: 1, hardware: ["gateway"] },
    },
  };
}

describe("tuf-js and Mote", () => {
  it("find the same target in the same metadata", async () => {
    addTarget();
    repository.publish();
    state = await refresh(state, repository.deps());
    const ours = findTarget(state, PATH, { ...DEPS, clockMs: repository.nowMs });
    const theirs = await peer().getTargetInfo(PATH);
    expect(theirs?.length).toBe(ours.length);
    expect(theirs?.hashes["sha256"]).toBe(ours.sha256);
    expect(theirs?.custom).toEqual(ours.custom);
    expect(await readFile(join(folder, "targets.json"))).toEqual(Buffer.from(state.targets!));
  });

  it("find a target that a delegated role names, through the same path patterns", async () => {
    const key = generateKey();
    repository.delegations = {
      keys: { [key.keyId]: ed25519Key(key.publicKey) },
      roles: [
        {
          name: "server",
          keyids: [key.keyId],
          threshold: 1,
          terminating: false,
          paths: ["*/*/manifest.json"],
        },
      ],
    };
    addTarget();
    const delegated = buildTargets({
      version: 1,
      expiresMs: repository.nowMs + 86_400_000,
      targets: repository.targets,
    });
    repository.delegated = { server: { version: 1, bytes: signRole(delegated, [key]) } };
    repository.targets = {};
    repository.publish();
    state = await refresh(state, repository.deps());
    const ours = findTarget(state, PATH, { ...DEPS, clockMs: repository.nowMs });
    expect((await peer().getTargetInfo(PATH))?.hashes["sha256"]).toBe(ours.sha256);
    const deeper = "reader/1.0.0/extra/manifest.json";
    expect(await peer().getTargetInfo(deeper)).toBeUndefined();
    expect(() => findTarget(state, deeper, { ...DEPS, clockMs: repository.nowMs })).toThrow();
  });

  it("follow a rotation of every role", async () => {
    expect(await verdicts()).toEqual({ ours: true, theirs: true });
    const before = repository.roles.root.keys;
    repository.roles = {
      root: testKeys(3, 2),
      timestamp: testKeys(1, 1),
      snapshot: testKeys(2, 2),
      targets: testKeys(2, 1),
    };
    repository.publishRoot(before);
    repository.publish();
    expect(await verdicts()).toEqual({ ours: true, theirs: true });
  });

  it.each<[string, () => void | Promise<void>]>([
    ["an expired timestamp", expire],
    ["an older timestamp", rewind],
    ["targets by too few keys", () => publishWith(repository.roles.targets.keys.slice(0, 1))],
    ["targets by strangers", () => publishWith(testKeys(2, 2).keys)],
    ["targets exchanged for older ones", () => exchange("2.targets.json", "1.targets.json")],
    ["a snapshot exchanged for an older one", () => exchange("2.snapshot.json", "1.snapshot.json")],
    ["a root by strangers", () => void repository.files.set("2.root.json", strangersRoot())],
    ["a truncated timestamp", () => truncate("timestamp.json")],
  ])("both refuse %s", async (_, attack) => {
    expect(await verdicts()).toEqual({ ours: true, theirs: true });
    await attack();
    expect(await verdicts()).toEqual({ ours: false, theirs: false });
  });
});

function expire(): void {
  repository.nowMs += 2 * 86_400_000;
}

/** Both clients have seen the newer one. */
async function rewind(): Promise<void> {
  const old = repository.files.get("timestamp.json")!;
  repository.publish();
  expect(await verdicts()).toEqual({ ours: true, theirs: true });
  repository.files.set("timestamp.json", old);
}

function publishWith(keys: TestRepository["roles"]["targets"]["keys"]): void {
  const { targets } = repository.roles;
  repository.roles.targets = { ...targets, keys };
  repository.publish();
  repository.roles.targets = targets;
}

function exchange(file: string, by: string): void {
  repository.publish();
  repository.files.set(file, repository.files.get(by)!);
}

function truncate(file: string): void {
  repository.publish();
  repository.files.set(file, repository.files.get(file)!.slice(0, -5));
}

function strangersRoot(): Uint8Array {
  const strangers = new TestRepository();
  strangers.publishRoot();
  return strangers.files.get("2.root.json")!;
}
