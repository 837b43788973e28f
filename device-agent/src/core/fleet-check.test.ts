import { nodeSha256, nodeVerify, TestRepository } from "@mote/protocol/node";
import { describe, expect, it } from "vitest";
import { OtherFleetError } from "../errors.js";
import { isOfFleet } from "./fleet-check.js";

/** A fleet that has rotated its root twice, with a new root key each time. */
function fleet(): TestRepository {
  const repository = new TestRepository();
  repository.publishRoot();
  repository.publishRoot();
  return repository;
}

function ask(held: Uint8Array, files: ReadonlyMap<string, Uint8Array>): Promise<boolean> {
  return isOfFleet(held, {
    sha256: nodeSha256,
    verify: nodeVerify,
    metadata: async (file) => files.get(file) ?? null,
  });
}

const only = (repository: TestRepository, ...versions: number[]) =>
  new Map(versions.map((version) => [`${version}.root.json`, root(repository, version)]));
const root = (repository: TestRepository, version: number) => repository.files.get(`${version}.root.json`)!;

describe("whether a server serves the fleet of a device's root", () => {
  const own = fleet();
  const strange = fleet();

  it.each([1, 2, 3])("is told by root %i of it, whichever the device was made with", async (version) => {
    expect(await ask(root(own, version), own.files)).toBe(true);
    await expect(ask(root(own, version), strange.files)).rejects.toThrow(OtherFleetError);
  });

  it("is told by what is signed, and not by how many", async () => {
    const text = JSON.parse(Buffer.from(root(own, 1)).toString()) as { signatures: unknown[] };
    const fewer = Buffer.from(JSON.stringify({ ...text, signatures: text.signatures.slice(1) }));
    expect(await ask(fewer, own.files)).toBe(true);
  });

  it("is told by the roots beside it where the server has not the same one", async () => {
    expect(await ask(root(own, 1), only(own, 2))).toBe(true);
    expect(await ask(root(own, 3), only(own, 1, 2))).toBe(true);
    await expect(ask(root(own, 1), only(strange, 2))).rejects.toThrow(/root 2 .* does not go with it/);
    await expect(ask(root(own, 3), only(strange, 1, 2))).rejects.toThrow(/root 2 .* does not go with it/);
    await expect(ask(root(own, 3), only(own, 1))).rejects.toThrow(/end before version 2/);
  });

  it("can't be told where the server has published none", async () => {
    expect(await ask(root(own, 1), new Map())).toBe(false);
    expect(await ask(root(own, 3), new Map())).toBe(false);
  });

  it("names both roots by their digests, and says what to do", async () => {
    const error = await ask(root(own, 1), strange.files).catch((caught: Error) => caught);
    const digest = (bytes: Uint8Array) => Buffer.from(nodeSha256(bytes)).toString("hex");
    expect(String(error)).toContain(digest(root(own, 1)));
    expect(String(error)).toContain(digest(root(strange, 1)));
    expect(String(error)).toContain("mote keys show");
  });
});
