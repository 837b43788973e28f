import { OperatorClient } from "@mote/protocol";
import type { Command } from "commander";
import { UsageError } from "../../errors.js";
import { readToken } from "./token.js";

/** How a command finds the server and proves who types it. */
export interface ServerOptions {
  readonly server?: string;
  readonly tokenFile?: string;
}

/** Environment: MOTE_SERVER and MOTE_TOKEN stand in for the options. */
export function addServerOptions(command: Command): Command {
  return command
    .option("-s, --server <url>", "address of the server (else MOTE_SERVER)")
    .option("--token-file <file>", "file with the operator's token (else MOTE_TOKEN)");
}

/** The server's address; null when nobody named one. */
export function serverUrl(options: ServerOptions): string | null {
  const url = options.server ?? process.env["MOTE_SERVER"] ?? "";
  return url === "" ? null : url;
}

/** Throws UsageError when address or token is missing. */
export async function connect(options: ServerOptions): Promise<OperatorClient> {
  const url = serverUrl(options);
  if (url === null) {
    throw new UsageError({
      expected: "the server's address",
      got: "none",
      todo: "Give --server URL or set MOTE_SERVER.",
    });
  }
  if (!(URL.canParse(url) && /^https?:\/\//i.test(url))) {
    throw new UsageError({
      expected: "the server's address with http:// or https://",
      got: JSON.stringify(url.slice(0, 80)),
      todo: "For example --server https://ota.example.org.",
    });
  }
  return new OperatorClient({ url, token: await readToken(options.tokenFile), fetch });
}
