import { DDI_PATHS, PASS_PARAMETER, PATHS } from "@mote/protocol";
import type { ReleaseRecord } from "../store/releases.js";
import { type DdiAddress, type DdiFile, deploymentLink } from "./actions.js";
import type { FileHashes } from "./fileHashes.js";

/** The documents of hawkBit's interface, as its clients parse them: hrefs are whole URLs, hashes are hex. */

export interface BaseFacts {
  readonly pollIntervalS: number;
  /** Action to carry out, or to give up; a device is told of one at a time. */
  readonly deployment: number | null;
  readonly cancel: number | null;
  readonly installed: number | null;
  readonly wantsConfigData: boolean;
}

export function baseDocument(address: DdiAddress, facts: BaseFacts) {
  const { origin, tenant, id } = address;
  const link = (path: string) => ({ href: `${origin}${path}` });
  const links = {
    ...(facts.cancel === null ? {} : { cancelAction: link(DDI_PATHS.cancel(tenant, id, facts.cancel)) }),
    ...(facts.deployment === null ? {} : { deploymentBase: deploymentLink(address, facts.deployment) }),
    ...(facts.installed === null
      ? {}
      : { installedBase: link(DDI_PATHS.installed(tenant, id, facts.installed)) }),
    ...(facts.wantsConfigData ? { configData: link(DDI_PATHS.configData(tenant, id)) } : {}),
  };
  return { config: { polling: { sleep: sleepText(facts.pollIntervalS) } }, _links: links };
}

/** `HH:MM:SS`, the one form that every client reads; at least a second, at most a day less one. */
export function sleepText(seconds: number): string {
  const whole = Math.min(86_399, Math.max(1, Math.round(seconds)));
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  return `${two(whole / 3600)}:${two((whole % 3600) / 60)}:${two(whole % 60)}`;
}

/** One chunk with one artifact: rauc-hawkbit-updater takes nothing else. */
export function deploymentDocument(
  address: DdiAddress,
  action: number,
  release: ReleaseRecord,
  file: DdiFile,
  hashes: FileHashes,
  pass: string,
) {
  const href = `${address.origin}${PATHS.blob(file.artifact.sha256)}?${PASS_PARAMETER}=${pass}`;
  return {
    id: String(action),
    deployment: {
      download: "forced",
      update: "forced",
      chunks: [
        {
          part: "os",
          version: release.version,
          name: release.product,
          artifacts: [
            {
              filename: file.filename,
              size: file.artifact.length,
              hashes,
              _links: href.startsWith("https:")
                ? { download: { href } }
                : // Without TLS both names: clients differ in which they look for.
                  { download: { href }, "download-http": { href } },
            },
          ],
        },
      ],
    },
  };
}

export function cancelDocument(action: number) {
  return { id: String(action), cancelAction: { stopId: String(action) } };
}
