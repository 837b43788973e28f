import type { MeAnswer } from "@mote/protocol";
import { useEffect, useRef } from "preact/hooks";
import { of, useConnection, useLive } from "../live.js";
import { type Route, to } from "../route.js";
import { change, read } from "../server.js";
import { may } from "../words.js";
import { Shortcuts } from "./shortcuts.js";
import { switchTheme } from "./theme.js";

const CONNECTION = { connecting: "connecting", live: "live", lost: "no connection, trying again" } as const;

export function Header({ me, route, onSignOut }: { me: MeAnswer; route: Route; onSignOut: () => void }) {
  const connection = useConnection();
  const waiting = useLive("waiting", () => read.rollouts({ active: "true" }), of("rollout"));
  const approvals = waiting.data?.rollouts.filter(({ state }) => state === "awaiting-approval").length ?? 0;
  const at = route.path[0];
  const nav = useRef<HTMLElement>(null);
  useEffect(() => {
    // On a phone the pages stand in a row that is wider than the screen.
    nav.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [at]);
  const link = (names: readonly (string | undefined)[], href: string, text: string) => (
    <a href={href} {...(names.includes(at) ? { "aria-current": "page" as const } : {})}>
      {text}
    </a>
  );
  const signOut = () => {
    change.signOut().then(onSignOut, onSignOut);
  };
  return (
    <header class="top">
      <div class="bar">
        <a class="brand" href={to.overview()}>
          Mote
        </a>
        <nav ref={nav} aria-label="Pages">
          {link([undefined], to.overview(), "Overview")}
          {link(["rollouts", "new-rollout"], to.rollouts(), "Rollouts")}
          <a href={to.approvals()} {...(at === "approvals" ? { "aria-current": "page" as const } : {})}>
            Approvals
            {approvals === 0 ? null : (
              <span class="badge-count" role="img" aria-label={`${approvals} waiting`}>
                {approvals}
              </span>
            )}
          </a>
          {link(["devices"], to.devices(), "Devices")}
          {link(["releases", "compare"], to.releases(), "Releases")}
          {link(["consumers"], to.consumers(), "Consumers")}
          {link(["trust"], to.trust(), "Trust")}
          {may(me.role, "operator") ? link(["people"], to.people(), "People") : null}
          {may(me.role, "admin") ? link(["audit"], to.audit(), "Audit") : null}
        </nav>
        <div class="who">
          <span class={`connection is-${connection}`} role="status">
            <span class={connection === "live" ? "word" : ""}>{CONNECTION[connection]}</span>
          </span>
          <span title={`Role: ${me.role}`}>{me.id}</span>
          <button
            type="button"
            class="plain"
            aria-label="Switch between dark and light"
            onClick={switchTheme}
          >
            ◐
          </button>
          <Shortcuts />
          <button type="button" class="plain" onClick={signOut}>
            {me.id === "anyone" ? "Sign in" : "Sign out"}
          </button>
        </div>
      </div>
    </header>
  );
}
