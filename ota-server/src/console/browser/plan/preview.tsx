import type { DryRunAnswer } from "@mote/protocol";
import { count, many } from "../format.js";
import { Time } from "../parts/clock.js";
import { Notice } from "../parts/notice.js";
import { to } from "../route.js";
import { waitsFor } from "../words.js";

const NAMED = 4;

/** What the plan would do, to whom, and who else should know. */
export function Preview({ answer, isOld }: { answer: DryRunAnswer | null; isOld: boolean }) {
  return (
    <div aria-live="polite" aria-busy={isOld}>
      {answer === null ? (
        <p class="soft">{isOld ? "Asking the server …" : "The form is not complete."}</p>
      ) : (
        <Answer answer={answer} />
      )}
    </div>
  );
}

function headline({ eligible, waves, plan }: DryRunAnswer): string {
  const devices = many(eligible, "device");
  if (plan.strategy === "shadow") return `${devices} would run it in the shadow`;
  if (plan.strategy === "a-b") return `${count(waves[0]?.devices ?? 0)} of ${devices} would get it`;
  return `${devices} would get it`;
}

function Answer({ answer }: { answer: DryRunAnswer }) {
  const { eligible, waves, consumers, warnings, excluded, waits, sampled, plan } = answer;
  const isShadow = plan.strategy === "shadow";
  const compared = (control: number, wave: number) => {
    if (isShadow) return "each compared with itself";
    if (plan.strategy !== "blue-green") return `${count(control)} to compare with`;
    return wave < plan.waves.length ? "staged" : "each compared with its own past";
  };
  return (
    <>
      <p class="strong">{headline(answer)}</p>
      <ol class="plainlist small">
        {waves.map(({ name, devices, control, sample }, i) => (
          <li key={name}>
            <b>
              {i + 1}. {name}
            </b>
            : {many(devices, "device")}, {compared(control, i)}
            {sample.length === 0 ? null : (
              <span class="soft">
                {" "}
                ({sample.slice(0, NAMED).join(", ")}
                {devices > NAMED ? " …" : ""})
              </span>
            )}
          </li>
        ))}
      </ol>
      {consumers.map(({ consumer, contact, changes }) => (
        <Notice key={consumer} tone="bad">
          <b>
            <a href={to.consumers()}>{consumer}</a> reads what changes. Tell {contact} first:
          </b>
          <ul>
            {changes.map((text) => (
              <li key={text}>{text}</li>
            ))}
          </ul>
        </Notice>
      ))}
      {warnings.map((text) => (
        <Notice key={text} tone="wait">
          {text}
        </Notice>
      ))}
      {excluded.map(({ reason, devices }) => (
        <p key={reason} class="small">
          {many(devices, "device gets", "devices get")} nothing: {reason}.
        </p>
      ))}
      {waits.length > 0 && sampled < eligible ? (
        <p class="small soft">Who waits was counted in a sample of {count(sampled)} devices and scaled up.</p>
      ) : null}
      {waits.map(({ reason, devices, untilMs }) => (
        <p key={reason} class="small">
          {many(devices, "device")} would have to wait now for {waitsFor(reason)}
          {untilMs === null ? "." : ", the first until "}
          {untilMs === null ? null : <Time ms={untilMs} />}
        </p>
      ))}
    </>
  );
}
