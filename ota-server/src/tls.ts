import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { judgeExpiry, whatCame } from "@mote/protocol";
import type { Config } from "./config.js";
import { ConfigError } from "./errors.js";

/** PEM texts of a private key and its certificate chain. */
export interface TlsFiles {
  readonly key: string;
  readonly cert: string;
}

/** @throws ConfigError where the two files are no key with its certificate; what the system says of a file that is not there */
export function readTls({ tlsKey, tlsCert }: Pick<Config, "tlsKey" | "tlsCert">): TlsFiles | null {
  if (tlsKey === undefined || tlsCert === undefined) return null;
  const tls = { key: readFileSync(tlsKey, "utf8"), cert: readFileSync(tlsCert, "utf8") };
  try {
    createSecureContext(tls);
    // OpenSSL by itself takes a key of another kind than the certificate's, and then no handshake succeeds.
    if (!new X509Certificate(tls.cert).checkPrivateKey(createPrivateKey(tls.key))) {
      throw new Error("the key of another certificate");
    }
  } catch (cause) {
    throw new ConfigError({
      expected: `a private key (${tlsKey}) and the certificate that was made for it (${tlsCert}), as PEM without a passphrase`,
      got: whatCame(cause),
      todo: "Name the two files that belong together, the key with tlsKey.",
      cause,
    });
  }
  return tls;
}

/** What the operator should know of the certificate: devices turn away from one that is past its time. */
export function certificateNotes(tls: TlsFiles | null, nowMs: number): string[] {
  if (tls === null) return [];
  const { validFrom, validTo } = new X509Certificate(tls.cert);
  if (Date.parse(validFrom) > nowMs) return [`The TLS certificate is not valid before ${validFrom}.`];
  const verdict = judgeExpiry(Date.parse(validTo), nowMs);
  if (verdict === "fine") return [];
  const renew = "put a new one in its place and start the server again.";
  return [
    verdict === "expired"
      ? `The TLS certificate has expired (${validTo}): devices and people can't connect; ${renew}`
      : `The TLS certificate expires at ${validTo}: ${renew}`,
  ];
}
