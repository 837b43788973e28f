import { randomBytes, scrypt } from "node:crypto";
import { open, readFile, rm } from "node:fs/promises";
import { promisify } from "node:util";
import { type Static, Type } from "@sinclair/typebox";
import nacl from "tweetnacl";
import { Sha256Hex } from "../src/bundle/manifest.js";
import { fromHex, toHex } from "../src/bytes.js";
import { KeyFileError, PassphraseError, whatCame } from "../src/errors.js";
import { checkSchema } from "../src/schema.js";
import { keyFromSeed, type SigningKey } from "./keys.js";

/**
 * A secret key on a disk, as JSON: what is public in plain text, the seed in a NaCl secretbox under a key that scrypt
 * (RFC 7914) derives from a passphrase.
 */

/** 2^17 x 8 takes 128 MiB and about half a second: what RFC 7914's author asks for files that are opened by hand. */
export const SCRYPT_COST = { n: 2 ** 17, r: 8, p: 1 } as const;
const SCRYPT_MAX_N = 2 ** 20;

const Hex = Type.String({ pattern: "^([0-9a-f]{2})+$", maxLength: 512 });

const KeyFile = Type.Object(
  {
    schema: Type.Literal("mote.key/1"),
    /** For people: whose key, for which role. Not trusted for anything. */
    label: Type.String({ maxLength: 128 }),
    keyId: Sha256Hex,
    publicKey: Sha256Hex,
    secret: Type.Union([
      Type.Object({ kind: Type.Literal("plain"), seed: Sha256Hex }, { additionalProperties: false }),
      Type.Object(
        {
          kind: Type.Literal("scrypt-secretbox"),
          n: Type.Integer({ minimum: 2, maximum: SCRYPT_MAX_N }),
          r: Type.Integer({ minimum: 1, maximum: 16 }),
          p: Type.Integer({ minimum: 1, maximum: 4 }),
          salt: Hex,
          nonce: Hex,
          box: Hex,
        },
        { additionalProperties: false },
      ),
    ]),
  },
  { additionalProperties: false },
);
type KeyFile = Static<typeof KeyFile>;

/** Exactly one of a passphrase, or the words that say that the secret may lie open on the disk. */
export type KeyProtection = { readonly passphrase: string } | { readonly unencrypted: true };

export interface KeyFileOptions {
  readonly label: string;
  readonly protection: KeyProtection;
  readonly cost?: { readonly n: number; readonly r: number; readonly p: number };
}

export interface KeyInfo {
  readonly label: string;
  readonly keyId: string;
  readonly publicKey: Uint8Array;
  readonly isEncrypted: boolean;
}

/**
 * Writes a new file, readable by its owner only and on the disk before this resolves.
 *
 * @throws KeyFileError when the file exists: a key is never overwritten.
 */
export async function writeKeyFile(path: string, key: SigningKey, options: KeyFileOptions): Promise<void> {
  const document: KeyFile = {
    schema: "mote.key/1",
    label: options.label,
    keyId: key.keyId,
    publicKey: toHex(key.publicKey),
    secret: await seal(key.seed, options),
  };
  try {
    const file = await open(path, "wx", 0o600);
    try {
      await file.writeFile(`${JSON.stringify(document, null, 2)}\n`);
      await file.sync();
    } catch (error) {
      // Half a key file would be in the way of the next try.
      await rm(path, { force: true });
      throw error;
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new KeyFileError({
      expected: `to write a new key file ${path}`,
      got: whatCame(cause),
      todo: "Choose another folder; existing keys are never overwritten.",
      cause,
    });
  }
}

/** What is public of a key file; asks for no passphrase. @throws KeyFileError */
export async function readKeyInfo(path: string): Promise<KeyInfo> {
  const { label, keyId, publicKey, secret } = await parse(path);
  return { label, keyId, publicKey: fromHex(publicKey), isEncrypted: secret.kind !== "plain" };
}

/**
 * @param askPassphrase called only for an encrypted file; null where nobody can be asked.
 * @throws KeyFileError, PassphraseError
 */
export async function readKeyFile(
  path: string,
  askPassphrase: ((label: string) => Promise<string>) | null,
): Promise<SigningKey & { readonly label: string }> {
  const document = await parse(path);
  const key = keyFromSeed(await unseal(path, document, askPassphrase));
  if (key.keyId !== document.keyId || toHex(key.publicKey) !== document.publicKey) {
    throw new KeyFileError({
      expected: `the secret in ${path} to belong to its public key`,
      got: `key ${key.keyId}`,
      todo: "The file was edited or damaged; use a copy from backup.",
    });
  }
  return { ...key, label: document.label };
}

async function seal(seed: Uint8Array, options: KeyFileOptions): Promise<KeyFile["secret"]> {
  const { protection, cost = SCRYPT_COST } = options;
  if ("unencrypted" in protection) return { kind: "plain", seed: toHex(seed) };
  if (protection.passphrase === "") {
    throw new PassphraseError({
      expected: "a passphrase",
      got: "an empty one",
      todo: "Give one, or say in words that the key may lie unencrypted (--no-passphrase).",
    });
  }
  const salt = randomBytes(32);
  const nonce = randomBytes(nacl.secretbox.nonceLength);
  const boxKey = await derive(protection.passphrase, salt, cost);
  const box = nacl.secretbox(seed, nonce, boxKey);
  boxKey.fill(0);
  return {
    kind: "scrypt-secretbox",
    ...cost,
    salt: toHex(salt),
    nonce: toHex(nonce),
    box: toHex(box),
  };
}

async function unseal(
  path: string,
  { label, secret }: KeyFile,
  askPassphrase: ((label: string) => Promise<string>) | null,
): Promise<Uint8Array> {
  if (secret.kind === "plain") return fromHex(secret.seed);
  if (askPassphrase === null) throw wrongPassphrase(path, "none");
  const passphrase = await askPassphrase(label);
  const boxKey = await derive(passphrase, fromHex(secret.salt), secret).catch((cause: unknown) => {
    throw new KeyFileError({
      expected: `${path} to say how its key is derived`,
      got: whatCame(cause),
      todo: "The file was edited or damaged; use a copy from backup.",
      cause,
    });
  });
  const nonce = fromHex(secret.nonce);
  const seed =
    nonce.length === nacl.secretbox.nonceLength
      ? nacl.secretbox.open(fromHex(secret.box), nonce, boxKey)
      : null;
  boxKey.fill(0);
  if (seed === null) throw wrongPassphrase(path, "another one (or the file was changed)");
  return seed;
}

function wrongPassphrase(path: string, got: string): PassphraseError {
  return new PassphraseError({
    expected: `the passphrase of ${path}`,
    got,
    todo: "Give it at the prompt, by --passphrase-file, or in MOTE_PASSPHRASE.",
  });
}

const scryptAsync = promisify<string, Uint8Array, number, object, Buffer>(scrypt);

async function derive(
  passphrase: string,
  salt: Uint8Array,
  cost: { n: number; r: number; p: number },
): Promise<Uint8Array> {
  // One spelling of a passphrase on every keyboard.
  const text = passphrase.normalize("NFKC");
  const { n: N, r, p } = cost;
  return new Uint8Array(
    await scryptAsync(text, salt, nacl.secretbox.keyLength, { N, r, p, maxmem: 256 * N * r }),
  );
}

async function parse(path: string): Promise<KeyFile> {
  try {
    return checkSchema(KeyFile, JSON.parse(await readFile(path, "utf8")), "the key file");
  } catch (cause) {
    throw new KeyFileError({
      expected: `a key file of Mote at ${path}`,
      got: whatCame(cause),
      todo: "Name a file that `mote keys` wrote.",
      cause,
    });
  }
}
