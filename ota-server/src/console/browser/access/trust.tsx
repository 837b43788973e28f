import type { TrustAnswer } from "@mote/protocol";
import { span } from "../format.js";
import { of, useLive } from "../live.js";
import { Badge } from "../parts/badge.js";
import { Time, useNow } from "../parts/clock.js";
import { Loaded, Notice } from "../parts/notice.js";
import { Table } from "../parts/table.js";
import { Words } from "../parts/words.js";
import { read } from "../server.js";
import { Title } from "../shell/title.js";
import type { Tone } from "../words.js";

const MODE = {
  none: "No root yet: no device accepts anything. `mote keys init` makes keys, `mote publish` uploads the root.",
  offline: "Offline mode: releases are signed away from this server; taking it over forges nothing.",
  server: "Server mode: this server holds a targets key and signs what a release manager uploads.",
} as const;

const DOES: Readonly<Record<string, string>> = {
  root: "names all other keys",
  targets: "names the releases",
  snapshot: "ties what belongs together; signed by this server",
  timestamp: "says that all this is fresh; signed by this server",
};

export function TrustPage() {
  const live = useLive("trust", read.trust, of("trust", "release"));
  return (
    <>
      <Title text="Trust" />
      <Loaded live={live}>{(trust) => <Whole trust={trust} />}</Loaded>
    </>
  );
}

const DAY_MS = 86_400_000;
/** Roles that the server signs anew by itself, every hour. */
const OWN = ["snapshot", "timestamp"];

function Whole({ trust }: { trust: TrustAnswer }) {
  const now = useNow();
  const floors = Object.entries(trust.floors);
  const validity = (role: string, expiresMs: number): readonly [string, Tone] => {
    if (expiresMs <= now) return ["expired", "bad"];
    if (OWN.includes(role)) return ["renewed by itself", "good"];
    return expiresMs - now < 30 * DAY_MS ? ["expires soon", "wait"] : ["valid", "good"];
  };
  return (
    <>
      <Notice tone={trust.mode === "none" ? "wait" : "idle"}>
        <Words text={MODE[trust.mode]} />
      </Notice>
      {trust.warnings.map((text) => (
        <Notice key={text} tone="bad">
          {text}
        </Notice>
      ))}
      <section class="card is-flush" aria-labelledby="roles">
        <h2 id="roles">Signed metadata</h2>
        <Table
          caption="Roles"
          columns={[
            { head: "Role" },
            { head: "Does" },
            { head: "State" },
            { head: "Expires" },
            { head: "Version", isNumber: true },
            { head: "Signatures" },
            { head: "Keys" },
          ]}
          rows={trust.roles.map(({ role, version, expiresMs, threshold, keyIds }) => ({
            key: role,
            cells: [
              role,
              DOES[role] ?? "names releases that were delegated to it",
              <Badge key="state" word={validity(role, expiresMs)} />,
              <span key="expires">
                <Time ms={expiresMs} />{" "}
                {expiresMs > now ? <span class="soft">(in {span(expiresMs - now)})</span> : null}
              </span>,
              String(version),
              `${threshold} of ${keyIds.length}`,
              <span key="keys">
                {keyIds.map((id) => (
                  <code key={id} title={id}>
                    {id.slice(0, 8)}{" "}
                  </code>
                ))}
              </span>,
            ],
          }))}
        />
      </section>
      {floors.length === 0 ? null : (
        <section class="card" aria-labelledby="floors">
          <h2 id="floors">Signed floors</h2>
          <p class="soft small">Devices take no release below these, whatever anybody offers.</p>
          <dl class="facts">
            {floors.map(([product, sequence]) => (
              <>
                <dt key={product}>{product}</dt>
                <dd>#{sequence}</dd>
              </>
            ))}
          </dl>
        </section>
      )}
    </>
  );
}
