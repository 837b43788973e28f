import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KeyFileError, PassphraseError } from "../src/errors.js";
import { readKeyFile, readKeyInfo, writeKeyFile } from "./key-file.js";
import { generateKey } from "./keys.js";
import { readServerKeys, writeServerKeys } from "./server-keys.js";

const CHEAP = { n: 1024, r: 8, p: 1 };
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mote-keys-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("key files", () => {
  it("give the same key back for the passphrase, however its accents were typed", async () => {
    const key = generateKey();
    const path = join(folder, "a.key.json");
    await writeKeyFile(path, key, { label: "ada", protection: { passphrase: "caf\u00e9 9" }, cost: CHEAP });
    const read = await readKeyFile(path, async () => "cafe\u0301 9");
    expect(read.seed).toEqual(key.seed);
    expect(read.label).toBe("ada");
    expect((await readFile(path, "utf8")).includes(Buffer.from(key.seed).toString("hex"))).toBe(false);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it("show who they belong to without a passphrase, and nothing more", async () => {
    const key = generateKey();
    const path = join(folder, "b.key.json");
    await writeKeyFile(path, key, { label: "bo", protection: { passphrase: "x" }, cost: CHEAP });
    expect(await readKeyInfo(path)).toEqual({
      label: "bo",
      keyId: key.keyId,
      publicKey: key.publicKey,
      isEncrypted: true,
    });
    await expect(readKeyFile(path, null)).rejects.toThrow(PassphraseError);
  });

  it("refuse a wrong passphrase, an empty one, and a changed box", async () => {
    const path = join(folder, "c.key.json");
    await writeKeyFile(path, generateKey(), { label: "c", protection: { passphrase: "right" }, cost: CHEAP });
    await expect(readKeyFile(path, async () => "wrong")).rejects.toThrow(PassphraseError);
    const document = JSON.parse(await readFile(path, "utf8"));
    document.secret.box = `00${document.secret.box.slice(2)}`;
    await writeFile(join(folder, "c2.key.json"), JSON.stringify(document));
    await expect(readKeyFile(join(folder, "c2.key.json"), async () => "right")).rejects.toThrow(
      PassphraseError,
    );
    const empty = { label: "c", protection: { passphrase: "" } };
    await expect(writeKeyFile(join(folder, "d.key.json"), generateKey(), empty)).rejects.toThrow(
      PassphraseError,
    );
  });

  it("are never overwritten", async () => {
    const path = join(folder, "e.key.json");
    const open = { label: "e", protection: { unencrypted: true } } as const;
    await writeKeyFile(path, generateKey(), open);
    const before = await readFile(path);
    await expect(writeKeyFile(path, generateKey(), open)).rejects.toThrow(KeyFileError);
    expect(await readFile(path)).toEqual(before);
  });

  it("whose public part was edited are refused", async () => {
    const path = join(folder, "f.key.json");
    await writeKeyFile(path, generateKey(), { label: "f", protection: { unencrypted: true } });
    const document = JSON.parse(await readFile(path, "utf8"));
    document.keyId = generateKey().keyId;
    await writeFile(path, JSON.stringify(document));
    await expect(readKeyFile(path, null)).rejects.toThrow(KeyFileError);
  });

  it("whose cost nobody can derive by are refused as damaged", async () => {
    const path = join(folder, "h.key.json");
    const cost = { n: 16, r: 1, p: 1 };
    await writeKeyFile(path, generateKey(), { label: "h", protection: { passphrase: "horse" }, cost });
    const document = JSON.parse(await readFile(path, "utf8"));
    document.secret.n = 17;
    await writeFile(path, JSON.stringify(document));
    await expect(readKeyFile(path, async () => "horse")).rejects.toThrow(KeyFileError);
  });

  it("that are something else say which field is wrong", async () => {
    const path = join(folder, "g.key.json");
    await writeFile(path, "{}");
    await expect(readKeyInfo(path)).rejects.toThrow(/\/schema/);
    await expect(readKeyInfo(join(folder, "none"))).rejects.toThrow(KeyFileError);
  });

  it("of a server come in one folder, the targets key only in server mode", async () => {
    const keys = { snapshot: generateKey(), timestamp: generateKey(), targets: null };
    await writeServerKeys(join(folder, "offline"), keys);
    const read = await readServerKeys(join(folder, "offline"));
    expect([read.snapshot.keyId, read.timestamp.keyId, read.targets]).toEqual([
      keys.snapshot.keyId,
      keys.timestamp.keyId,
      null,
    ]);
    const targets = generateKey();
    await writeServerKeys(join(folder, "server"), { ...keys, targets });
    expect((await readServerKeys(join(folder, "server"))).targets?.keyId).toBe(targets.keyId);
  });
});
