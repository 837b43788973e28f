import type { ReleaseComparison, ReleaseView } from "@mote/protocol";
import { of, useLive } from "../live.js";
import { Loaded, Notice } from "../parts/notice.js";
import { Table } from "../parts/table.js";
import { to } from "../route.js";
import { read } from "../server.js";
import { Title } from "../shell/title.js";
import { classRows, type DeltaRow, deltaRows, outputChanges } from "./deltas.js";

/** Two releases side by side: what changes for devices and for those who read their outputs. */

/** Stands for the release that most devices run. */
const RUNNING = "running";

interface Found {
  readonly comparison: ReleaseComparison | null;
  readonly versions: readonly string[];
}

async function readComparison(product: string, from: string, version: string): Promise<Found> {
  const { releases } = await read.releases();
  const own = releases.filter((one) => one.product === product);
  const base = from === RUNNING ? mostRun(own.filter((one) => one.version !== version)) : from;
  const versions = own.map((one) => one.version);
  return { versions, comparison: base === null ? null : await read.comparison(product, version, base) };
}

function mostRun(releases: readonly ReleaseView[]): string | null {
  const sorted = [...releases].sort((a, b) => b.devices - a.devices || b.sequence - a.sequence);
  return sorted[0]?.version ?? null;
}

export function ComparePage({ product, from, version }: { product: string; from: string; version: string }) {
  const live = useLive(
    `compare/${product}/${from}/${version}`,
    () => readComparison(product, from, version),
    of("release"),
  );
  return (
    <>
      <Title text={`${product}: compare`} crumb={<a href={to.releases()}>Releases</a>} />
      <Loaded live={live}>
        {({ comparison, versions }) =>
          comparison === null ? (
            <p class="card empty">
              There is no other release of {product} to compare {version} with.
            </p>
          ) : (
            <Whole comparison={comparison} versions={versions} />
          )
        }
      </Loaded>
    </>
  );
}

function Whole({ comparison, versions }: { comparison: ReleaseComparison; versions: readonly string[] }) {
  const { product, from, to: next, consumers } = comparison;
  const go = (before: string, after: string) => {
    location.hash = to.compare(product, before, after);
  };
  const choice = (label: string, value: string, onValue: (value: string) => void) => (
    <label>
      {label}
      <select value={value} onChange={(event) => onValue(event.currentTarget.value)}>
        {versions.map((one) => (
          <option key={one}>{one}</option>
        ))}
      </select>
    </label>
  );
  const changes = outputChanges(comparison);
  return (
    <>
      <div class="card filter">
        {choice("From", from.version, (value) => go(value, next.version))}
        {choice("To", next.version, (value) => go(from.version, value))}
        <button type="button" onClick={() => go(next.version, from.version)}>
          Swap
        </button>
      </div>
      {consumers.map(({ consumer, contact, changes: texts }) => (
        <Notice key={consumer} tone="bad">
          <b>
            <a href={to.consumers()}>{consumer}</a> reads what changes. Tell {contact} first:
          </b>
          <ul>
            {texts.map((text) => (
              <li key={text}>{text}</li>
            ))}
          </ul>
        </Notice>
      ))}
      <section class="card" aria-labelledby="outputs">
        <h2 id="outputs">What goes in and comes out</h2>
        {changes.length === 0 ? (
          <p>Nothing changes: the same classes at the same places, the same preprocessing.</p>
        ) : (
          <ul>
            {changes.map((text) => (
              <li key={text}>{text}</li>
            ))}
          </ul>
        )}
      </section>
      <Deltas title="Figures" comparison={comparison} rows={deltaRows(comparison)} />
      {comparison.classes.length === 0 ? null : (
        <Deltas
          title="Share of each class on reference data"
          comparison={comparison}
          rows={classRows(comparison)}
        />
      )}
    </>
  );
}

function Deltas({
  title,
  comparison,
  rows,
}: {
  title: string;
  comparison: ReleaseComparison;
  rows: readonly DeltaRow[];
}) {
  const heading = `deltas-${title}`;
  return (
    <section class="card is-flush" aria-labelledby={heading}>
      <h2 id={heading}>{title}</h2>
      <Table
        caption={title}
        columns={[
          { head: "What" },
          { head: comparison.from.version, isNumber: true },
          {
            head:
              comparison.to.version === comparison.from.version
                ? `${comparison.to.version} `
                : comparison.to.version,
            isNumber: true,
          },
          { head: "Difference", isNumber: true },
        ]}
        rows={rows.map(({ name, from, to: next, change, tone }) => ({
          key: name,
          cells: [
            name,
            from,
            next,
            <span key="change" class={`tone-${tone} strong`}>
              {change}
            </span>,
          ],
        }))}
      />
    </section>
  );
}
