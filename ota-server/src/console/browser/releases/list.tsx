import type { MeAnswer, ReleaseView } from "@mote/protocol";
import { bytes, count, percent } from "../format.js";
import { of, useLive } from "../live.js";
import { Badge, colourOf } from "../parts/badge.js";
import { Time } from "../parts/clock.js";
import { Loaded } from "../parts/notice.js";
import { Table } from "../parts/table.js";
import { to } from "../route.js";
import { read } from "../server.js";
import { Title } from "../shell/title.js";
import { may, type Tone } from "../words.js";

export function ReleasesPage({ me }: { me: MeAnswer }) {
  const live = useLive("releases", read.releases, of("release", "trust", "device", "report"));
  return (
    <>
      <Title text="Releases" />
      <Loaded live={live}>
        {({ releases }) => {
          const products = [...new Set(releases.map(({ product }) => product))];
          if (products.length === 0) {
            return (
              <p class="card empty">
                No bundle was uploaded yet: <code>mote publish</code> brings one.
              </p>
            );
          }
          return products.map((product) => (
            <Product
              key={product}
              product={product}
              me={me}
              releases={releases.filter((one) => one.product === product)}
            />
          ));
        }}
      </Loaded>
    </>
  );
}

function Product({
  product,
  releases,
  me,
}: {
  product: string;
  releases: readonly ReleaseView[];
  me: MeAnswer;
}) {
  return (
    <section class="card is-flush" aria-labelledby={`product-${product}`}>
      <h2 id={`product-${product}`}>{product}</h2>
      <Table
        caption={`Releases of ${product}, newest first`}
        columns={[
          { head: "Release" },
          { head: "State" },
          { head: "Devices", isNumber: true },
          { head: "Accuracy", isNumber: true },
          { head: "Largest file", isNumber: true },
          { head: "Uploaded" },
          { head: "Next" },
        ]}
        rows={releases.map((release, i) => {
          const { version, sequence, devices, accuracy, variants, uploadedAtMs } = release;
          const before = releases[i + 1];
          const canRoll = may(me.role, "operator") && release.signedBy !== "nobody" && !release.retired;
          return {
            key: version,
            cells: [
              <a key="name" href={to.release(product, version)}>
                <i class={`chip ${colourOf(sequence)}`} />
                {version}
              </a>,
              <Badge key="state" word={stateOf(release)} />,
              devices === 0 ? (
                "0"
              ) : (
                <a href={to.devices({ product, sequence: String(sequence) })}>{count(devices)}</a>
              ),
              percent(accuracy),
              bytes(Math.max(0, ...variants.map(({ artifact }) => artifact.length))),
              <Time key="uploaded" ms={uploadedAtMs} />,
              <span key="links" class="actions">
                {before === undefined ? null : (
                  <a
                    href={to.compare(product, before.version, version)}
                    aria-label={`compare ${version} with ${before.version}`}
                  >
                    compare
                  </a>
                )}
                {canRoll ? (
                  <a href={to.newRollout({ product, version })} aria-label={`roll out ${product} ${version}`}>
                    roll out
                  </a>
                ) : null}
              </span>,
            ],
          };
        })}
      />
    </section>
  );
}

export function stateOf({ retired, signedBy }: ReleaseView): readonly [string, Tone] {
  if (retired) return ["retired", "idle"];
  if (signedBy === "nobody") return ["signed by nobody", "wait"];
  return signedBy === "offline" ? ["signed offline", "good"] : ["signed by the server", "good"];
}
