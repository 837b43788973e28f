import { type OperatorClient, type ReleaseView, unpackBundle } from "@mote/protocol";
import { nodeSha256 } from "@mote/protocol/node";
import { UsageError } from "../../errors.js";
import { MetadataFolder } from "../../release/metadata-folder.js";
import { publishEnvelopes, publishMetadata } from "../../release/publish.js";
import type { CliCommand, Io } from "../command.js";
import { addServerOptions, connect, type ServerOptions } from "../operator/connect.js";
import { readBundleFile } from "./sign.js";

interface PublishOptions extends ServerOptions {
  readonly repo?: string;
  readonly envelopes?: string;
}

export const command: CliCommand = {
  name: "publish",
  summary: "bring a bundle and signed trust metadata to a server; in server mode it signs",
  configure(command, io) {
    addServerOptions(command)
      .argument("[bundle]", "bundle to upload; may be left out to bring metadata only")
      .option("-r, --repo <dir>", "folder of signed trust metadata to bring along (offline mode)")
      .option("--envelopes <dir>", "folder of signed envelopes for microcontrollers to bring along")
      .addHelpText(
        "after",
        "\nExample:\n  mote publish reader-1.0.0.bundle --server http://127.0.0.1:8080 --token-file data/admin.token --repo trust\n",
      )
      .action((bundlePath: string | undefined, options: PublishOptions) => publish(bundlePath, options, io));
  },
};

async function publish(bundlePath: string | undefined, options: PublishOptions, io: Io): Promise<void> {
  if (bundlePath === undefined && options.repo === undefined) {
    throw new UsageError({
      expected: "a bundle, or --repo",
      got: "neither",
      todo: "See mote publish --help.",
    });
  }
  const client = await connect(options);
  // The whole file is checked here first: a damaged one should not cost an upload.
  const file = bundlePath === undefined ? null : await readBundleFile(bundlePath);
  const manifest = file === null ? null : unpackBundle(file, nodeSha256).manifest;
  if (file !== null) await client.uploadBundle(file);
  const metadata =
    options.repo === undefined ? [] : await publishMetadata(client, await MetadataFolder.open(options.repo));
  let release: ReleaseView | null = null;
  if (manifest !== null) {
    release = await find(client, manifest.name, manifest.version);
    if (release.signedBy === "nobody") {
      await letServerSign(client, release);
      release = await find(client, manifest.name, manifest.version);
    }
  }
  // Last, because the server holds an envelope to the release that people signed.
  const envelopes =
    options.envelopes === undefined ? [] : await publishEnvelopes(client, options.envelopes, manifest);
  io.json({ metadata, release, envelopes });
  for (const name of [...metadata, ...envelopes]) io.say(`Published ${name}`);
  if (release !== null) {
    io.say(
      `Published ${release.product} ${release.version} (sequence ${release.sequence}), signed: ${release.signedBy}`,
    );
  }
}

async function find(client: OperatorClient, product: string, version: string): Promise<ReleaseView> {
  const { releases } = await client.releases();
  const found = releases.find((release) => release.product === product && release.version === version);
  if (found !== undefined) return found;
  throw new UsageError({
    expected: `the server to list ${product} ${version} after its upload`,
    got: `${releases.length} other releases`,
    todo: "Ask the server's operator to look at its log.",
  });
}

async function letServerSign(client: OperatorClient, release: ReleaseView): Promise<void> {
  const { mode } = await client.trust();
  if (mode !== "server") {
    throw new UsageError({
      expected: `${release.product} ${release.version} to be signed`,
      got: `an unsigned release, on a server that can't sign (mode "${mode}"). The bundle was uploaded`,
      todo: "Sign it with `mote sign` and publish again with --repo.",
    });
  }
  await client.signRelease({ product: release.product, version: release.version });
}
