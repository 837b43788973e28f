import type { DeviceView, FleetAnswer } from "@mote/protocol";
import { useState } from "preact/hooks";
import { count } from "../format.js";
import { of, useLive } from "../live.js";
import { Version } from "../parts/badge.js";
import { Ago, useNow } from "../parts/clock.js";
import { Loaded } from "../parts/notice.js";
import { Table } from "../parts/table.js";
import { Words } from "../parts/words.js";
import { to } from "../route.js";
import { read } from "../server.js";
import { Title } from "../shell/title.js";
import { OnlineBadge } from "./onlineBadge.js";

/** Devices by a page at a time: the server filters and counts, however many there are. */

const PAGE = "100";
/** What a state in the address asks of the server. */
const STATES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  online: { online: "true", revoked: "false" },
  offline: { online: "false", revoked: "false" },
  failed: { lastUpdateFailed: "true", revoked: "false" },
  "below-floor": { belowFloor: "true", revoked: "false" },
  revoked: { revoked: "true" },
};

type Query = Readonly<Record<string, string>>;

export function DevicesPage({ query }: { query: Query }) {
  const { prefix, product, hardware, tag, sequence, state, after } = query;
  const stateQuery = STATES[state ?? ""] ?? {};
  const asked = { prefix, product, hardware, tag, sequence, state };
  const live = useLive(
    `devices/${JSON.stringify({ ...asked, after })}`,
    () => read.devices({ prefix, product, hardware, tag, sequence, ...stateQuery, after, limit: PAGE }),
    of("device", "report"),
  );
  const fleet = useLive("fleet-names", read.fleet, of("release"));
  return (
    <>
      <Title text="Devices" />
      <Filter key={JSON.stringify(asked)} query={query} fleet={fleet.data} />
      <Loaded live={live}>
        {({ devices, next, total }) => (
          <div class="card is-flush">
            <p class="pager" style={{ padding: "8px 18px" }} role="status">
              <b>{count(total)}</b> {total === 1 ? "device" : "devices"}
              {after === undefined ? null : (
                <>
                  {" · "}shown from after {after} · <a href={to.devices(asked)}>first page</a>
                </>
              )}
              {next === null ? null : <a href={to.devices({ ...asked, after: next })}>Next {PAGE}</a>}
            </p>
            {devices.length === 0 ? <Nobody query={query} /> : <Rows devices={devices} />}
            {next === null ? null : (
              <p class="pager">
                <a href={to.devices({ ...asked, after: next })}>Next {PAGE} devices</a>
              </p>
            )}
          </div>
        )}
      </Loaded>
    </>
  );
}

function Nobody({ query }: { query: Query }) {
  return (
    <p class="empty">
      <Words
        text={
          Object.keys(query).length > 0
            ? "No device matches."
            : "No device has enrolled yet. “People” makes enrolment tokens; `mote-agent enroll` uses one."
        }
      />
    </p>
  );
}

function Rows({ devices }: { devices: readonly DeviceView[] }) {
  const now = useNow();
  return (
    <Table
      caption="Devices in the order of their ids"
      columns={[
        { head: "Device" },
        { head: "Runs" },
        { head: "State" },
        { head: "Product" },
        { head: "Hardware" },
        { head: "Tags" },
        { head: "Seen" },
        { head: "Battery", isNumber: true },
      ]}
      rows={devices.map((device) => ({
        key: device.id,
        cells: [
          <a key="id" href={to.device(device.id)}>
            {device.id}
          </a>,
          <Version key="runs" version={device.runningVersion} sequence={device.runningSequence} />,
          <OnlineBadge key="state" device={device} />,
          device.product,
          device.hardware,
          tagText(device.tags),
          <Ago key="seen" ms={device.lastSeenMs} now={now} />,
          device.batteryPercent === null ? "" : `${device.batteryPercent} %`,
        ],
      }))}
    />
  );
}

export function tagText(tags: DeviceView["tags"]): string {
  return Object.entries(tags)
    .map(([name, value]) => `${name}=${value}`)
    .join(", ");
}

function Filter({ query, fleet }: { query: Query; fleet: FleetAnswer | null }) {
  const [text, setText] = useState({
    prefix: query["prefix"] ?? "",
    hardware: query["hardware"] ?? "",
    tag: query["tag"] ?? "",
  });
  const go = (more: Record<string, string | undefined>) => {
    location.hash = to.devices({ ...query, ...text, after: undefined, ...more });
  };
  const submit = (event: Event) => {
    event.preventDefault();
    go({});
  };
  const product = query["product"] ?? "";
  const versions = fleet?.products.find((one) => one.product === product)?.versions ?? [];
  const field = (name: "prefix" | "hardware" | "tag", label: string, placeholder: string, type = "text") => (
    <label>
      {label}
      <input
        type={type}
        placeholder={placeholder}
        value={text[name]}
        onInput={(event) => setText({ ...text, [name]: event.currentTarget.value })}
      />
    </label>
  );
  const choice = (
    name: string,
    label: string,
    value: string,
    options: readonly (readonly [string, string])[],
    more: Record<string, undefined> = {},
  ) => (
    <label>
      {label}
      <select value={value} onChange={(event) => go({ ...more, [name]: event.currentTarget.value })}>
        <option value="">all</option>
        {options.map(([one, words]) => (
          <option key={one} value={one}>
            {words}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <form class="card filter" onSubmit={submit}>
      {field("prefix", "Id begins with", "cam-", "search")}
      {choice(
        "product",
        "Product",
        product,
        (fleet?.products ?? []).map((one) => [one.product, one.product]),
        { sequence: undefined },
      )}
      {product === ""
        ? null
        : choice(
            "sequence",
            "Runs",
            query["sequence"] ?? "",
            versions.map(({ sequence, version }) => [
              String(sequence),
              version ?? (sequence === 0 ? "none yet" : `#${sequence}`),
            ]),
          )}
      {choice("state", "State", query["state"] ?? "", [
        ["online", "connected"],
        ["offline", "not connected"],
        ["failed", "last update failed"],
        ["below-floor", "runs below the signed floor"],
        ["revoked", "revoked"],
      ])}
      {field("hardware", "Hardware", "camera-v2")}
      {field("tag", "Tag", "ward=3")}
      <button type="submit">Show</button>
    </form>
  );
}
