import { createPrivateKey, createPublicKey, randomBytes } from "node:crypto";
import { toHex } from "@mote/protocol";
import { nodeSign } from "@mote/protocol/node";
import type { DeviceKey } from "../core/session.js";
import { AgentStateError } from "../errors.js";
import { readIfThere, replaceFile } from "./durable-file.js";

/**
 * The device's Ed25519 identity: 32 random bytes in a file that only its owner reads. Where a device has a secure
 * element, that takes this file's place behind the same interface.
 */

const SEED_BYTES = 32;
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");

/** The key in `path`, made there when there is none yet. */
export async function openDeviceKey(path: string): Promise<DeviceKey> {
  const held = await readIfThere(path);
  if (held !== null && held.length !== SEED_BYTES) {
    throw new AgentStateError({
      expected: `a device key of ${SEED_BYTES} bytes in ${path}`,
      got: `${held.length} bytes`,
      todo: "Restore the file, or remove the state folder and enrol the device anew.",
    });
  }
  const seed = held ?? randomBytes(SEED_BYTES);
  if (held === null) await replaceFile(path, seed, { mode: 0o600 });
  return deviceKeyOf(seed);
}

/** @param seed 32 random bytes */
export function deviceKeyOf(seed: Uint8Array): DeviceKey {
  const pkcs8 = Buffer.concat([PKCS8_PREFIX, seed]);
  const der = createPublicKey(createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" })).export({
    format: "der",
    type: "spki",
  });
  return {
    publicKey: toHex(der.subarray(der.length - SEED_BYTES)),
    sign: (message) => nodeSign(seed, message),
  };
}
