import type { ConsumerView, MeAnswer, OutputPart } from "@mote/protocol";
import { useState } from "preact/hooks";
import { of, useLive } from "../live.js";
import { Time } from "../parts/clock.js";
import { ActionDialog } from "../parts/dialog.js";
import { Loaded } from "../parts/notice.js";
import { Table } from "../parts/table.js";
import { change, read } from "../server.js";
import { Title } from "../shell/title.js";
import { may } from "../words.js";

/** Who reads which output: they are named before a rollout changes it. */

const PARTS: readonly [OutputPart, string][] = [
  ["labels", "names of classes"],
  ["indices", "places of classes in the output"],
  ["scores", "scores"],
];

interface Found {
  readonly consumers: readonly ConsumerView[];
  readonly products: readonly string[];
}

async function readConsumers(): Promise<Found> {
  const [{ consumers }, { releases }] = await Promise.all([read.consumers(), read.releases()]);
  return { consumers, products: [...new Set(releases.map(({ product }) => product))] };
}

export function ConsumersPage({ me }: { me: MeAnswer }) {
  const live = useLive("consumers", readConsumers, of("release"));
  const [isDeclaring, setDeclaring] = useState(false);
  const [leaving, setLeaving] = useState<string | null>(null);
  const mayChange = may(me.role, "operator");
  return (
    <>
      <Title
        text="Consumers"
        actions={
          mayChange && (live.data?.products.length ?? 0) > 0 ? (
            <button type="button" class="primary" onClick={() => setDeclaring(true)}>
              Declare a consumer…
            </button>
          ) : undefined
        }
      />
      <p class="soft">
        Programs and people that read what models say. Who is declared here is named, with the contact, in the
        preview of every rollout that changes what they read.
      </p>
      <Loaded live={live}>
        {({ consumers, products }) => (
          <>
            <div class="card is-flush">
              {consumers.length === 0 ? (
                <p class="empty">Nobody is declared: no rollout warns anybody.</p>
              ) : (
                <Rows consumers={consumers} onLeave={mayChange ? setLeaving : null} />
              )}
            </div>
            {isDeclaring ? (
              <Declare products={products} onClose={() => setDeclaring(false)} onDone={live.reload} />
            ) : null}
            {leaving === null ? null : (
              <ActionDialog
                title={`Remove ${leaving}`}
                verb="Remove"
                isDanger
                onClose={() => setLeaving(null)}
                onDo={async () => {
                  await change.removeConsumer(leaving);
                  live.reload();
                }}
              >
                <p>From now on nobody is told to warn its contact.</p>
              </ActionDialog>
            )}
          </>
        )}
      </Loaded>
    </>
  );
}

function Rows({
  consumers,
  onLeave,
}: {
  consumers: readonly ConsumerView[];
  onLeave: ((id: string) => void) | null;
}) {
  return (
    <Table
      caption="Declared consumers"
      columns={[
        { head: "Consumer" },
        { head: "Product" },
        { head: "Reads" },
        { head: "Classes" },
        { head: "Contact" },
        { head: "Purpose" },
        { head: "Declared" },
        ...(onLeave === null ? [] : [{ head: "Remove" }]),
      ]}
      rows={consumers.map(({ id, product, reads, labels, contact, purpose, declaredBy, declaredAtMs }) => ({
        key: id,
        cells: [
          id,
          product,
          PARTS.filter(([part]) => reads.includes(part))
            .map(([, words]) => words)
            .join(", "),
          labels.join(", ") || "all",
          contact,
          purpose,
          <span key="declared">
            {declaredBy}, <Time ms={declaredAtMs} />
          </span>,
          ...(onLeave === null
            ? []
            : [
                <button key="remove" type="button" aria-label={`Remove ${id}`} onClick={() => onLeave(id)}>
                  Remove…
                </button>,
              ]),
        ],
      }))}
    />
  );
}

function Declare({
  products,
  onClose,
  onDone,
}: {
  products: readonly string[];
  onClose: () => void;
  onDone: () => void;
}) {
  const [draft, setDraft] = useState({
    id: "",
    product: products[0] ?? "",
    contact: "",
    purpose: "",
    labels: "",
  });
  const [reads, setReads] = useState<readonly OutputPart[]>(["labels"]);
  const set = (part: Partial<typeof draft>) => setDraft({ ...draft, ...part });
  const declare = async () => {
    const labels = draft.labels
      .split(",")
      .map((label) => label.trim())
      .filter((label) => label !== "");
    const { id, product, contact, purpose } = draft;
    await change.declareConsumer(id, { product, contact, purpose, reads: [...reads], labels });
    onDone();
  };
  return (
    <ActionDialog
      title="Declare a consumer"
      verb="Declare"
      isReady={reads.length > 0}
      onDo={declare}
      onClose={onClose}
    >
      <div class="fields">
        <label>
          Name
          <input
            required
            pattern="[a-z0-9][a-z0-9._\-]{0,62}"
            placeholder="ward-board"
            title="small letters, digits, dots, dashes"
            value={draft.id}
            onInput={(event) => set({ id: event.currentTarget.value })}
          />
        </label>
        <label>
          Product
          <select value={draft.product} onChange={(event) => set({ product: event.currentTarget.value })}>
            {products.map((product) => (
              <option key={product}>{product}</option>
            ))}
          </select>
        </label>
        <label>
          Contact
          <input
            required
            maxLength={256}
            placeholder="ada@example.org"
            value={draft.contact}
            onInput={(event) => set({ contact: event.currentTarget.value })}
          />
        </label>
        <label>
          What for
          <input
            maxLength={512}
            value={draft.purpose}
            onInput={(event) => set({ purpose: event.currentTarget.value })}
          />
        </label>
      </div>
      <fieldset style={{ margin: "10px 0" }}>
        <legend class="small">It reads</legend>
        {PARTS.map(([part, words]) => (
          <label key={part} class="check">
            <input
              type="checkbox"
              checked={reads.includes(part)}
              onChange={() =>
                setReads(reads.includes(part) ? reads.filter((one) => one !== part) : [...reads, part])
              }
            />{" "}
            {words}
          </label>
        ))}
      </fieldset>
      <label>
        Only these classes, with commas
        <input
          placeholder="all"
          value={draft.labels}
          onInput={(event) => set({ labels: event.currentTarget.value })}
        />
      </label>
    </ActionDialog>
  );
}
