import type { EnrolmentTokenList } from "@mote/protocol";
import { useState } from "preact/hooks";
import { tagText } from "../devices/list.js";
import { of, useLive } from "../live.js";
import { Badge } from "../parts/badge.js";
import { Time, useNow } from "../parts/clock.js";
import { ActionDialog } from "../parts/dialog.js";
import { Loaded } from "../parts/notice.js";
import { Table } from "../parts/table.js";
import { change, read } from "../server.js";
import type { Tone } from "../words.js";

/** By which devices enrol. A factory makes thousands; the page shows the newest to expire. */
const SHOWN = 50;

export function EnrolmentTokens() {
  const live = useLive("tokens", read.enrolmentTokens, of("device"));
  const [isMaking, setMaking] = useState(false);
  const [made, setMade] = useState<readonly string[]>([]);
  return (
    <section class="card is-flush" aria-labelledby="tokens">
      <h2 id="tokens">Enrolment tokens for devices</h2>
      {made.length === 0 ? null : (
        <div style={{ padding: "4px 18px" }} role="status">
          <p>Shown this once; the server keeps their digests alone.</p>
          <p class="secret" style={{ whiteSpace: "pre-wrap" }}>
            {made.join("\n")}
          </p>
        </div>
      )}
      <Loaded live={live}>{({ tokens }) => <Tokens tokens={tokens} />}</Loaded>
      <p>
        <button type="button" onClick={() => setMaking(true)}>
          Make tokens…
        </button>
      </p>
      {isMaking ? (
        <MakeTokens
          onClose={() => setMaking(false)}
          onMade={(tokens) => {
            setMade(tokens);
            live.reload();
          }}
        />
      ) : null}
    </section>
  );
}

function Tokens({ tokens }: { tokens: EnrolmentTokenList["tokens"] }) {
  const now = useNow();
  const shown = [...tokens].sort((a, b) => b.expiresAtMs - a.expiresAtMs).slice(0, SHOWN);
  if (shown.length === 0) return <p class="empty">None was made yet.</p>;
  const stateOf = (one: (typeof tokens)[number]): readonly [string, Tone] => {
    if (one.usedBy !== null) return [`used by ${one.usedBy}`, "idle"];
    if (one.expiresAtMs < now) return ["expired", "idle"];
    return one.maxDevices > 1 ? [`${one.used} of ${one.maxDevices} used`, "good"] : ["unused", "good"];
  };
  return (
    <>
      <Table
        caption="Enrolment tokens"
        columns={[
          { head: "Token" },
          { head: "State" },
          { head: "Product" },
          { head: "Hardware" },
          { head: "Tags" },
          { head: "Expires" },
        ]}
        rows={shown.map((one) => ({
          key: one.id,
          cells: [
            <code key="id">{one.id}</code>,
            <Badge key="state" word={stateOf(one)} />,
            one.product,
            one.hardware ?? "any",
            tagText(one.tags),
            <Time key="expires" ms={one.expiresAtMs} />,
          ],
        }))}
      />
      {tokens.length > SHOWN ? <p class="small soft">{tokens.length - SHOWN} more are not shown.</p> : null}
    </>
  );
}

function MakeTokens({ onClose, onMade }: { onClose: () => void; onMade: (tokens: string[]) => void }) {
  const [product, setProduct] = useState("");
  const [number, setNumber] = useState("1");
  const make = async () => {
    const { tokens } = await change.enrolmentTokens({ product, count: Number(number) });
    onMade(tokens.map(({ token }) => token));
  };
  return (
    <ActionDialog title="Make enrolment tokens" verb="Make them" onDo={make} onClose={onClose}>
      <p>
        Each brings in one device, which keeps it with its key. For a production line:{" "}
        <code>mote fleet tokens --max-devices</code>.
      </p>
      <div class="fields">
        <label>
          Product
          <input
            required
            pattern="[a-z0-9][a-z0-9._\-]{0,62}"
            value={product}
            onInput={(event) => setProduct(event.currentTarget.value)}
          />
        </label>
        <label>
          How many
          <input
            type="number"
            min={1}
            max={100}
            required
            value={number}
            onInput={(event) => setNumber(event.currentTarget.value)}
          />
        </label>
      </div>
    </ActionDialog>
  );
}
