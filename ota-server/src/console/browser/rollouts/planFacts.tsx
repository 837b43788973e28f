import type { RolloutPlan, RolloutView } from "@mote/protocol";
import { many, percent, span } from "../format.js";
import { Time } from "../parts/clock.js";
import { to } from "../route.js";
import { difference, gateName } from "../words.js";

const ON_FAILURE = {
  hold: "it is held and a person is asked",
  "rollback-wave": "the wave's devices go back by themselves",
  "rollback-fleet": "all devices that took it go back by themselves",
} as const;

/** What was planned, in words. */
export function PlanFacts({ rollout }: { rollout: RolloutView }) {
  const { plan } = rollout;
  return (
    <section class="card" aria-labelledby="plan">
      <h2 id="plan">The plan</h2>
      <dl class="facts">
        <dt>Release</dt>
        <dd>
          <a href={to.release(plan.product, plan.version)}>
            {plan.product} {plan.version}
          </a>
        </dd>
        <dt>Strategy</dt>
        <dd>{plan.strategy ?? "staged"}</dd>
        <dt>To</dt>
        <dd>{queryWords(plan)}</dd>
        <dt>When</dt>
        <dd>{preconditionWords(plan.preconditions).join("; ") || "at any time, on any device"}</dd>
        <dt>If worse</dt>
        <dd>{ON_FAILURE[plan.onFailure]}</dd>
        <dt>Worse means</dt>
        <dd>{gateWords(plan)}</dd>
        <dt>Speed</dt>
        <dd>{limitWords(plan)}</dd>
        <dt>Created</dt>
        <dd>
          <Time ms={rollout.createdAtMs} />
          {plan.comment === undefined ? null : `: ${plan.comment}`}
        </dd>
      </dl>
    </section>
  );
}

const NAMED = 5;

export function queryWords({ query, product }: Pick<RolloutPlan, "query" | "product">): string {
  const { hardware, tags, deviceIds, running, agentVersions, health = {} } = query;
  const words = [
    ...(hardware === undefined ? [] : [`hardware ${hardware.join(" or ")}`]),
    ...Object.entries(tags ?? {}).map(([name, value]) => `${name} = ${value}`),
    ...(deviceIds === undefined ? [] : [idWords(deviceIds)]),
    ...(running === undefined ? [] : [`run ${running.map(versionWords).join(" or ")}`]),
    ...(agentVersions === undefined ? [] : [`agent or firmware ${agentVersions.join(" or ")}`]),
    ...healthWords(health),
  ];
  return words.length === 0 ? `all devices of ${product}` : words.join(", ");
}

function versionWords(version: string): string {
  return version === "none" ? "no release yet" : version;
}

function healthWords(health: NonNullable<RolloutPlan["query"]["health"]>): string[] {
  const { online, seenWithinS, lastUpdateFailed, belowFloor, maxErrorRate } = health;
  return [
    ...(online === undefined ? [] : [online ? "connected" : "not connected"]),
    ...(seenWithinS === undefined ? [] : [`heard of within ${span(1000 * seenWithinS)}`]),
    ...(lastUpdateFailed === undefined
      ? []
      : [lastUpdateFailed ? "last update failed" : "last update did not fail"]),
    ...(belowFloor === undefined
      ? []
      : [belowFloor ? "below the signed floor" : "not below the signed floor"]),
    ...(maxErrorRate === undefined ? [] : [`at most ${percent(maxErrorRate, 1)} errors`]),
  ];
}

function idWords(ids: readonly string[]): string {
  return ids.length <= NAMED ? ids.join(", ") : `${many(ids.length, "device")} by name`;
}

export function preconditionWords(wanted: RolloutPlan["preconditions"]): string[] {
  const { minBatteryPercent, requireCharging, allowMetered, links, windows, timeZone } = wanted;
  return [
    ...(minBatteryPercent === undefined ? [] : [`battery at least ${minBatteryPercent} %, or charging`]),
    ...(requireCharging === true ? ["while charging"] : []),
    ...(allowMetered === false ? ["not over metered links"] : []),
    ...(links === undefined ? [] : [`over ${links.join(" or ")}`]),
    ...(wanted.minFreeBytes === undefined ? [] : [`${wanted.minFreeBytes} B free`]),
    ...(wanted.minTemperatureC === undefined ? [] : [`not below ${wanted.minTemperatureC} °C`]),
    ...(wanted.maxTemperatureC === undefined ? [] : [`not above ${wanted.maxTemperatureC} °C`]),
    ...(wanted.requireIdle === true ? ["while idle"] : []),
    ...(wanted.requireNoCriticalTask === true ? ["not during a critical task"] : []),
    ...(windows ?? []).map(
      ({ days, from, to: until }) => `${days === undefined ? "" : `${days.join(", ")} `}${from}–${until}`,
    ),
    ...(timeZone === undefined || windows === undefined
      ? []
      : [`in ${timeZone} unless the device knows its own zone`]),
  ];
}

function gateWords({ gates }: RolloutPlan): string {
  const telemetry = gates.telemetry.map(
    ({ metric, margin }) =>
      `${gateName(metric).toLowerCase()} by more than ${difference(metric, margin).replace("+", "")}`,
  );
  return `${[`more than ${percent(gates.maxFailureShare, 0)} of the installs fail`, ...telemetry].join("; ")}. A release that is no worse is stopped by mistake in ${percent(gates.falseStopRate, 0)} of rollouts at most.`;
}

function limitWords({ limits = {}, gates }: RolloutPlan): string {
  const { installsPerHour, concurrent, deadlineS } = limits;
  return [
    ...(concurrent === undefined ? [] : [`${concurrent} at a time`]),
    ...(installsPerHour === undefined ? [] : [`${installsPerHour} an hour`]),
    ...(deadlineS === undefined ? [] : [`over within ${span(1000 * deadlineS)}`]),
    `a wave that is undecided after ${span(1000 * gates.deadlineS)} asks a person`,
  ].join("; ");
}
