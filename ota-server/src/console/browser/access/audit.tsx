import type { AuditEntry, MeAnswer } from "@mote/protocol";
import { useState } from "preact/hooks";
import { of, useLive } from "../live.js";
import { Badge } from "../parts/badge.js";
import { Time } from "../parts/clock.js";
import { Loaded, Notice } from "../parts/notice.js";
import { Table } from "../parts/table.js";
import { read } from "../server.js";
import { Title } from "../shell/title.js";
import { may } from "../words.js";
import { deedOf } from "./deeds.js";

/** Who changed what, or was refused, and whether the chain of their digests holds. */
export function AuditPage({ me }: { me: MeAnswer }) {
  if (!may(me.role, "admin")) {
    return (
      <>
        <Title text="Audit" />
        <Notice tone="wait">The audit log takes the role admin; you are {me.role}.</Notice>
      </>
    );
  }
  return <Entries />;
}

function Entries() {
  const live = useLive("audit", read.audit, of("rollout", "release", "trust"));
  const [search, setSearch] = useState("");
  return (
    <>
      <Title text="Audit" />
      <Loaded live={live}>
        {({ entries, brokenAt, wholeAtMs }) => {
          const shown = entries.filter((entry) => wordsOf(entry).includes(search.toLowerCase()));
          return (
            <>
              {brokenAt === null ? (
                <Whole sinceMs={wholeAtMs} />
              ) : (
                <Notice tone="bad">
                  Entry {brokenAt} was changed, or one before it is missing. Compare with a backup, and find
                  out who could write to the database.
                </Notice>
              )}
              <label>
                Search the newest {entries.length}
                <input
                  type="search"
                  value={search}
                  onInput={(event) => setSearch(event.currentTarget.value)}
                />
              </label>
              <div class="card is-flush">
                <Table
                  caption="Audit log, newest first"
                  columns={[
                    { head: "Number" },
                    { head: "When" },
                    { head: "Who" },
                    { head: "Did" },
                    { head: "Answer" },
                    { head: "With" },
                  ]}
                  rows={shown.map((entry) => ({
                    key: String(entry.number),
                    cells: [
                      String(entry.number),
                      <Time key="when" ms={entry.atMs} />,
                      entry.by,
                      <span key="did" title={entry.action}>
                        {deedOf(entry.action)}
                      </span>,
                      <Badge
                        key="status"
                        word={entry.status < 300 ? ["done", "good"] : [`refused (${entry.status})`, "bad"]}
                      />,
                      <Detail key="with" text={entry.detail} />,
                    ],
                  }))}
                />
              </div>
            </>
          );
        }}
      </Loaded>
    </>
  );
}

/** A long log is checked in parts, one at each reading. */
function Whole({ sinceMs }: { sinceMs: number | null }) {
  if (sinceMs === null) {
    return (
      <Notice tone="idle">
        No fault so far. The log is long; the rest is checked with the next readings.
      </Notice>
    );
  }
  return (
    <Notice tone="good">
      The log is whole: no entry was changed or left out. All were checked at <Time ms={sinceMs} />.
    </Notice>
  );
}

/** Requests are long; the beginning is enough to know whether one wants the rest. */
function Detail({ text }: { text: string }) {
  if (text.length <= SHORT) return <code>{text}</code>;
  return (
    <details>
      <summary>
        <code>{text.slice(0, SHORT)} …</code>
      </summary>
      <code>{text}</code>
    </details>
  );
}

const SHORT = 90;

function wordsOf({ by, action, detail }: AuditEntry): string {
  return `${by} ${action} ${deedOf(action)} ${detail}`.toLowerCase();
}
