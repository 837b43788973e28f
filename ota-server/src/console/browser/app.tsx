import type { MeAnswer } from "@mote/protocol";
import { useEffect, useState } from "preact/hooks";
import { AuditPage } from "./access/audit.js";
import { PeoplePage } from "./access/people.js";
import { TrustPage } from "./access/trust.js";
import { DevicePage } from "./devices/device.js";
import { DevicesPage } from "./devices/list.js";
import { signedOut, stream } from "./live.js";
import { OverviewPage } from "./overview/overview.js";
import { NewRolloutPage } from "./plan/form.js";
import { ComparePage } from "./releases/compare.js";
import { ConsumersPage } from "./releases/consumers.js";
import { ReleasesPage } from "./releases/list.js";
import { ReleasePage } from "./releases/release.js";
import { ApprovalsPage } from "./rollouts/approvals.js";
import { RolloutDevicesPage } from "./rollouts/devices.js";
import { RolloutsPage } from "./rollouts/list.js";
import { RolloutPage } from "./rollouts/rollout.js";
import { parseRoute, type Route, to } from "./route.js";
import { read } from "./server.js";
import { Header } from "./shell/header.js";
import { SignIn } from "./shell/signIn.js";
import { restoreTheme } from "./shell/theme.js";
import { Title } from "./shell/title.js";

restoreTheme();

/** "unknown" until the server has said who asks. */
type Visitor = MeAnswer | "unknown" | "nobody";

export function App() {
  const route = useRoute();
  const [me, setMe] = useState<Visitor>("unknown");
  const enter = (visitor: MeAnswer) => {
    setMe(visitor);
    stream.open();
  };
  useEffect(() => {
    signedOut.tell = () => {
      stream.close();
      setMe("nobody");
    };
    read.me().then(enter, () => setMe("nobody"));
  }, []);
  if (me === "unknown") return null;
  if (me === "nobody") return <SignIn onSignedIn={enter} />;
  return (
    <>
      <button type="button" class="skip" onClick={skip}>
        Skip to the page
      </button>
      <Header me={me} route={route} onSignOut={() => signedOut.tell()} />
      <main id="main" tabIndex={-1}>
        <Page key={keyOf(route)} route={route} me={me} />
      </main>
    </>
  );
}

/** By hand: the address's hash is the page's own. */
function skip(): void {
  document.getElementById("main")?.focus();
}

/** Another page, or a form that begins with something else, starts anew; another filter of a list does not. */
function keyOf({ path, query }: Route): string {
  return path[0] === "new-rollout" ? JSON.stringify([path, query]) : path.join("/");
}

function Page({ route, me }: { route: Route; me: MeAnswer }) {
  const [name, ...rest] = route.path;
  const [first, second, third] = rest;
  const { query } = route;
  switch (name) {
    case undefined:
      return <OverviewPage me={me} />;
    case "rollouts":
      if (first === undefined) return <RolloutsPage me={me} query={query} />;
      if (second === "devices") return <RolloutDevicesPage id={first} query={query} />;
      return <RolloutPage id={first} me={me} />;
    case "new-rollout":
      return <NewRolloutPage me={me} query={query} />;
    case "approvals":
      return <ApprovalsPage me={me} />;
    case "devices":
      return first === undefined ? <DevicesPage query={query} /> : <DevicePage id={first} me={me} />;
    case "releases":
      if (first === undefined || second === undefined) return <ReleasesPage me={me} />;
      return <ReleasePage product={first} version={second} me={me} />;
    case "compare":
      if (first === undefined || second === undefined || third === undefined) return <Lost />;
      return <ComparePage product={first} from={second} version={third} />;
    case "consumers":
      return <ConsumersPage me={me} />;
    case "trust":
      return <TrustPage />;
    case "people":
      return <PeoplePage me={me} />;
    case "audit":
      return <AuditPage me={me} />;
    default:
      return <Lost />;
  }
}

function Lost() {
  return (
    <>
      <Title text="There is no such page" />
      <p>
        <a href={to.overview()}>To the overview</a>
      </p>
    </>
  );
}

function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const onChange = () => setHash(location.hash);
    addEventListener("hashchange", onChange);
    return () => removeEventListener("hashchange", onChange);
  }, []);
  return parseRoute(hash);
}
