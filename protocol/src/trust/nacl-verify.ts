import nacl from "tweetnacl";
import type { VerifyEd25519 } from "../bytes.js";
import { isSound } from "./malleability.js";

/** Ed25519 in plain JavaScript: for browsers, and for a cross-check where there is something a hundred times faster. */
export const naclVerify: VerifyEd25519 = (publicKey, message, signature) =>
  isSound(publicKey, signature) && nacl.sign.detached.verify(message, signature, publicKey);
