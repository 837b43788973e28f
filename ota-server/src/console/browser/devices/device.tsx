import type { DeviceDetail, DeviceView, MeAnswer } from "@mote/protocol";
import { useState } from "preact/hooks";
import { bytes, count, micros, percent } from "../format.js";
import { of, useLive } from "../live.js";
import { Badge, Version, versionLabel } from "../parts/badge.js";
import { Ago, Time, useNow } from "../parts/clock.js";
import { ActionDialog } from "../parts/dialog.js";
import { Loaded, Notice } from "../parts/notice.js";
import { Table } from "../parts/table.js";
import { to } from "../route.js";
import { change, read } from "../server.js";
import { Title } from "../shell/title.js";
import { MEMBER, may, reasonOf, waitsFor } from "../words.js";
import { tagText } from "./list.js";
import { OnlineBadge } from "./onlineBadge.js";
import { storyOf } from "./story.js";
import { Trends } from "./trends.js";

/** A device's life story. */
export function DevicePage({ id, me }: { id: string; me: MeAnswer }) {
  const live = useLive(
    `device/${id}`,
    () => read.device(id),
    (event) =>
      event.type === "rollout" ||
      (of("device", "report", "telemetry")(event) && (event.deviceId ?? id) === id),
  );
  return <Loaded live={live}>{(detail) => <Whole detail={detail} me={me} onDone={live.reload} />}</Loaded>;
}

function Whole({ detail, me, onDone }: { detail: DeviceDetail; me: MeAnswer; onDone: () => void }) {
  const [isRevoking, setRevoking] = useState(false);
  const { device, trend } = detail;
  const names = new Map(detail.versions.map(({ sequence, version }) => [sequence, version]));
  const canRevoke = may(me.role, "operator") && !device.revoked;
  return (
    <>
      <Title
        text={device.id}
        crumb={<a href={to.devices()}>Devices</a>}
        actions={
          canRevoke ? (
            <button type="button" class="danger" onClick={() => setRevoking(true)}>
              Revoke…
            </button>
          ) : undefined
        }
      >
        <OnlineBadge device={device} />
      </Title>
      <Next detail={detail} />
      <div class="columns">
        <div>
          <Trends
            points={trend}
            versionOf={(sequence) => versionLabel(names.get(sequence) ?? null, sequence)}
          />
          <ByRelease detail={detail} />
          <Rollouts detail={detail} />
        </div>
        <div>
          <Facts device={device} />
          <Story detail={detail} />
        </div>
      </div>
      {isRevoking ? (
        <ActionDialog
          title={`Revoke ${device.id}`}
          verb="Revoke"
          isDanger
          onClose={() => setRevoking(false)}
          onDo={async () => {
            await change.revokeDevice(device.id);
            onDone();
          }}
        >
          <ul>
            <li>Its connection ends at once, and its key opens no new one.</li>
            <li>It keeps running what it runs; it gets no update any more and its telemetry is not taken.</li>
            <li>It can come back only with a new enrolment token and a new key.</li>
          </ul>
        </ActionDialog>
      ) : null}
    </>
  );
}

const KIND = {
  update: "It is to get ",
  rollback: "It is to go back to ",
  shadow: "It is to run, in the shadow of what serves, ",
} as const;

function Next({ detail }: { detail: DeviceDetail }) {
  const { next, device, rollouts } = detail;
  if (device.revoked) return <Notice tone="bad">Revoked: it can't connect and gets nothing.</Notice>;
  if (next === null) return <Notice tone="good">Nothing is meant for it now: it runs what it should.</Notice>;
  const member = rollouts.find(({ rolloutId }) => rolloutId === next.rolloutId);
  const isWaiting = member?.code === "waiting-preconditions";
  const reasons = isWaiting ? [member.detail ?? "something"] : next.unmet;
  return (
    <Notice tone="wait">
      {KIND[next.kind]}
      <b>{next.version ?? "another release"}</b> by <a href={to.rollout(next.rolloutId)}>{next.rolloutId}</a>.{" "}
      {reasons.length > 0
        ? `It waits for ${reasons.map(waitsFor).join(", ")}.`
        : device.online
          ? "It is at it, or asks for it soon."
          : "It gets it when it connects again."}
    </Notice>
  );
}

function Facts({ device }: { device: DeviceView }) {
  const now = useNow();
  const { conditions } = device;
  return (
    <section class="card" aria-labelledby="facts">
      <h2 id="facts">Now</h2>
      <dl class="facts">
        <dt>Runs</dt>
        <dd>
          {device.runningVersion === null ? (
            <Version version={null} sequence={device.runningSequence} />
          ) : (
            <a href={to.release(device.product, device.runningVersion)}>
              <Version version={device.runningVersion} sequence={device.runningSequence} />
            </a>
          )}
        </dd>
        <dt>Product</dt>
        <dd>{device.product}</dd>
        <dt>Hardware</dt>
        <dd>{device.hardware}</dd>
        <dt>Tags</dt>
        <dd>{tagText(device.tags) || "none"}</dd>
        <dt>Seen</dt>
        <dd>
          <Ago ms={device.lastSeenMs} now={now} />
        </dd>
        <dt>Battery</dt>
        <dd>{device.batteryPercent === null ? "not told" : `${device.batteryPercent} %`}</dd>
        <dt>Free space</dt>
        <dd>{device.freeBytes === null ? "not told" : bytes(device.freeBytes)}</dd>
        {Object.entries(conditions ?? {}).map(([name, value]) =>
          value === null ? null : (
            <Fact
              key={name}
              name={CONDITIONS[name] ?? name}
              value={typeof value === "boolean" ? (value ? "yes" : "no") : String(value)}
            />
          ),
        )}
        <dt>Signed floor</dt>
        <dd>
          {device.floor === 0 ? "none: it takes any release" : `#${device.floor}: it takes nothing older`}
        </dd>
        <dt>Agent</dt>
        <dd>{device.agentVersion || "not told"}</dd>
        <Fact name="Can run a shadow" value={ability(device.canShadow)} />
        <Fact name="Can wait for a switch" value={ability(device.canHold)} />
        {device.artifactSha256 === null ? null : <Fact name="Artifact" value={device.artifactSha256} />}
      </dl>
    </section>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  );
}

/** Who can't is left out of shadow or blue-green rollouts. */
function ability(can: boolean | null): string {
  if (can === null) return "not told";
  return can ? "yes" : "no";
}

const CONDITIONS: Readonly<Record<string, string>> = {
  charging: "Charging",
  link: "Link",
  metered: "Metered link",
  temperatureC: "Temperature, °C",
  busy: "Busy",
  inCriticalTask: "At a critical task",
  timeZone: "Time zone",
};

/** Whole sums, of what served and of what ran in its shadow. */
function ByRelease({ detail }: { detail: DeviceDetail }) {
  if (detail.telemetry.length === 0) return null;
  const names = new Map(detail.versions.map(({ sequence, version }) => [sequence, version]));
  return (
    <section class="card is-flush" aria-labelledby="by-release">
      <h2 id="by-release">By release</h2>
      <Table
        caption="Telemetry by release"
        columns={[
          { head: "Release" },
          { head: "Inferences", isNumber: true },
          { head: "Errors", isNumber: true },
          { head: "Confidence", isNumber: true },
          { head: "Probes right", isNumber: true },
          { head: "Latency", isNumber: true },
          { head: "Agrees", isNumber: true },
        ]}
        rows={detail.telemetry.map((sums) => ({
          key: `${sums.releaseSequence}/${sums.inShadow}`,
          cells: [
            `${versionLabel(names.get(sums.releaseSequence) ?? null, sums.releaseSequence)}${sums.inShadow ? " in shadow" : ""}`,
            count(sums.inferences),
            count(sums.errors),
            percent(sums.meanConfidence),
            percent(sums.probeAccuracy),
            micros(sums.meanLatencyUs),
            sums.inShadow ? percent(sums.agreement) : "",
          ],
        }))}
      />
    </section>
  );
}

function Rollouts({ detail }: { detail: DeviceDetail }) {
  if (detail.rollouts.length === 0) return null;
  return (
    <section class="card is-flush" aria-labelledby="device-rollouts">
      <h2 id="device-rollouts">Its rollouts</h2>
      <Table
        caption="Rollouts that told this device"
        columns={[
          { head: "Release" },
          { head: "State" },
          { head: "Came from" },
          { head: "Wave" },
          { head: "Fetched" },
          { head: "Told" },
        ]}
        rows={detail.rollouts.map((one) => ({
          key: one.rolloutId,
          cells: [
            <a key="release" href={to.rollout(one.rolloutId)}>
              {one.version}
            </a>,
            <span key="state">
              <Badge word={one.code === "waiting-preconditions" ? ["waiting", "wait"] : MEMBER[one.state]} />
              {one.state === "failed" ? ` ${reasonOf(one.code)}` : ""}
            </span>,
            one.previousVersion ?? "nothing",
            one.wave,
            one.codec === null ? "" : bytes(one.downloadedBytes),
            <Time key="told" ms={one.offeredAtMs} />,
          ],
        }))}
      />
    </section>
  );
}

function Story({ detail }: { detail: DeviceDetail }) {
  const known = new Set(detail.rollouts.map(({ rolloutId }) => rolloutId));
  return (
    <section class="card" aria-labelledby="story">
      <h2 id="story">Its life</h2>
      <ol class="timeline">
        {storyOf(detail).map(({ key, atMs, tone, text, detail: more, rolloutId }) => (
          <li key={key} class={`is-${tone}`}>
            <Time ms={atMs} />
            {text}
            {more === "" ? null : <span class="soft"> {more}</span>}
            {rolloutId !== null && known.has(rolloutId) ? (
              <>
                {" "}
                <a class="small" href={to.rollout(rolloutId)}>
                  {rolloutId}
                </a>
              </>
            ) : null}
          </li>
        ))}
      </ol>
    </section>
  );
}
