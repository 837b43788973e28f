import type { RolloutDeviceState } from "@mote/protocol";
import { of, useLive } from "../live.js";
import { Badge } from "../parts/badge.js";
import { Time } from "../parts/clock.js";
import { Loaded } from "../parts/notice.js";
import { Table } from "../parts/table.js";
import { hrefTo, to } from "../route.js";
import { read } from "../server.js";
import { Title } from "../shell/title.js";
import { MEMBER, reasonOf, waitsFor } from "../words.js";

const PAGE = "100";
const STATES = Object.keys(MEMBER) as RolloutDeviceState[];

/** The devices that have heard of a rollout, by what became of them. */
export function RolloutDevicesPage({ id, query }: { id: string; query: Readonly<Record<string, string>> }) {
  const { state, after } = query;
  const live = useLive(
    `rollout-devices/${id}/${state ?? ""}/${after ?? ""}`,
    () => read.rolloutDevices(id, { state, after, limit: PAGE }),
    of("report", "rollout"),
  );
  const here = (more: Readonly<Record<string, string | undefined>>) =>
    hrefTo(["rollouts", id, "devices"], more);
  return (
    <>
      <Title
        text="Devices of the rollout"
        crumb={
          <>
            <a href={to.rollouts()}>Rollouts</a> / <a href={to.rollout(id)}>{id}</a>
          </>
        }
      />
      <nav class="actions" aria-label="Which devices">
        {[undefined, ...STATES].map((one) => (
          <a
            key={one ?? "all"}
            class="button"
            href={here({ state: one })}
            {...(one === state ? { "aria-current": "true" as const } : {})}
          >
            {one === undefined ? "all that were told" : MEMBER[one][0]}
          </a>
        ))}
      </nav>
      <Loaded live={live}>
        {({ devices, next }) => (
          <div class="card is-flush">
            {devices.length === 0 ? <p class="empty">No device is in this state.</p> : null}
            <Table
              caption="Devices of the rollout"
              columns={[
                { head: "Device" },
                { head: "State" },
                { head: "Why" },
                { head: "Wave" },
                { head: "Tries", isNumber: true },
                { head: "Told" },
                { head: "Done" },
              ]}
              rows={devices.map((device) => ({
                key: device.deviceId,
                cells: [
                  <a key="id" href={to.device(device.deviceId)}>
                    {device.deviceId}
                  </a>,
                  <Badge
                    key="state"
                    word={
                      device.code === "waiting-preconditions" ? ["waiting", "wait"] : MEMBER[device.state]
                    }
                  />,
                  whyOf(device),
                  device.wave,
                  String(device.attempts),
                  <Time key="told" ms={device.offeredAtMs} />,
                  device.settledAtMs === null ? "" : <Time key="done" ms={device.settledAtMs} />,
                ],
              }))}
            />
            {next === null ? null : (
              <p class="pager">
                <a href={here({ state, after: next })}>Next devices</a>
              </p>
            )}
          </div>
        )}
      </Loaded>
    </>
  );
}

function whyOf({
  code,
  detail,
  retryAtMs,
}: {
  code: string | null;
  detail: string | null;
  retryAtMs: number | null;
}): string {
  if (code === "waiting-preconditions") return `for ${waitsFor(detail ?? "something")}`;
  if (code === null || code === "ok") return "";
  const again = retryAtMs === null ? "" : "; will be tried again";
  return `${reasonOf(code)}${detail === null ? "" : `: ${detail}`}${again}`;
}
