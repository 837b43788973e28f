import type { FieldFigures, LineageAnswer, Manifest, MeAnswer, ReleaseView } from "@mote/protocol";
import { bytes, count, many, microjoules, micros, percent } from "../format.js";
import { of, useLive } from "../live.js";
import { Badge } from "../parts/badge.js";
import { Loaded } from "../parts/notice.js";
import { Table } from "../parts/table.js";
import { to } from "../route.js";
import { read } from "../server.js";
import { Title } from "../shell/title.js";
import { may } from "../words.js";
import { Lineage } from "./lineage.js";
import { stateOf } from "./list.js";

/** One release: its model card, where it comes from, what it needs, what its devices measure. */

interface Found {
  readonly release: ReleaseView;
  readonly others: readonly ReleaseView[];
  readonly manifest: Manifest;
  readonly kin: LineageAnswer;
}

async function readRelease(product: string, version: string): Promise<Found> {
  const [{ releases }, kin] = await Promise.all([read.releases(), read.lineage(product, version)]);
  const own = releases.filter((one) => one.product === product);
  const release = own.find((one) => one.version === version);
  if (release === undefined) throw new Error(`The server knows no ${product} ${version}.`);
  const others = own.filter((one) => one.version !== version);
  return { release, others, kin, manifest: await read.manifest(release.manifest.sha256) };
}

export function ReleasePage({ product, version, me }: { product: string; version: string; me: MeAnswer }) {
  const live = useLive(
    `release/${product}/${version}`,
    () => readRelease(product, version),
    of("release", "trust", "rollout", "report"),
  );
  return <Loaded live={live}>{(found) => <Whole found={found} me={me} />}</Loaded>;
}

function Whole({ found, me }: { found: Found; me: MeAnswer }) {
  const { release, others, manifest, kin } = found;
  const { product, version } = release;
  const canRoll = may(me.role, "operator") && release.signedBy !== "nobody" && !release.retired;
  return (
    <>
      <Title
        text={`${product} ${version}`}
        crumb={<a href={to.releases()}>Releases</a>}
        actions={
          canRoll ? (
            <a class="button primary" href={to.newRollout({ product, version })}>
              Roll it out
            </a>
          ) : undefined
        }
      >
        <Badge word={stateOf(release)} />
        <span class="soft">
          runs on{" "}
          <a href={to.devices({ product, sequence: String(release.sequence) })}>
            {many(release.devices, "device")}
          </a>
        </span>
      </Title>
      <div class="columns">
        <div>
          <Card manifest={manifest} />
          <Lineage kin={kin} product={product} />
        </div>
        <div>
          <Compare release={release} others={others} parent={kin.release.parent} />
          <Field figures={kin.field} />
          <Envelope manifest={manifest} />
        </div>
      </div>
      <Variants manifest={manifest} />
    </>
  );
}

function Card({ manifest }: { manifest: Manifest }) {
  const { summary, intendedUse, limitations, accuracy, samples } = manifest.modelCard;
  return (
    <section class="card" aria-labelledby="card">
      <h2 id="card">Model card</h2>
      <p>{summary}</p>
      <dl class="facts">
        <dt>For</dt>
        <dd>{intendedUse}</dd>
        <dt>Not for</dt>
        <dd>{limitations}</dd>
        <dt>Accuracy</dt>
        <dd>
          {percent(accuracy ?? null)}
          {samples === undefined
            ? ""
            : ` on ${count(samples)} samples that neither training nor calibration saw`}
        </dd>
        <dt>Classes</dt>
        <dd>{manifest.labels.join(", ") || "none named"}</dd>
      </dl>
    </section>
  );
}

function Compare({
  release,
  others,
  parent,
}: {
  release: ReleaseView;
  others: readonly ReleaseView[];
  parent: string | null;
}) {
  if (others.length === 0) return null;
  return (
    <section class="card" aria-labelledby="compare">
      <h2 id="compare">Compare with</h2>
      <ul class="plainlist">
        {others.map(({ product, version, devices }) => (
          <li key={version}>
            <a href={to.compare(product, version, release.version)}>{version}</a>{" "}
            <span class="soft small">
              {version === parent ? "its parent, " : ""}on {many(devices, "device")}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Field({ figures }: { figures: FieldFigures | null }) {
  return (
    <section class="card" aria-labelledby="field">
      <h2 id="field">Measured in the field, last day</h2>
      {figures === null ? (
        <p class="soft">No device that runs it has sent telemetry.</p>
      ) : (
        <dl class="facts">
          <dt>By</dt>
          <dd>
            {many(figures.devices, "device")}, {count(figures.inferences)} inferences
          </dd>
          <dt>Confidence</dt>
          <dd>{percent(figures.meanConfidence)}</dd>
          <dt>Probes right</dt>
          <dd>{percent(figures.probeAccuracy)}</dd>
          <dt>Errors</dt>
          <dd>{percent(figures.errorRate, 2)}</dd>
          <dt>Latency</dt>
          <dd>{micros(figures.meanLatencyUs)}</dd>
          <dt>Energy</dt>
          <dd>{microjoules(figures.energyUj)} per inference</dd>
        </dl>
      )}
    </section>
  );
}

function Envelope({ manifest }: { manifest: Manifest }) {
  const { health, envelope } = manifest;
  return (
    <section class="card" aria-labelledby="proves">
      <h2 id="proves">How a device proves it</h2>
      <dl class="facts">
        <dt>Probation</dt>
        <dd>
          {many(health.probationInferences, "inference")}, {health.probationS} s
        </dd>
        <dt>Goes back at</dt>
        <dd>
          more than {percent(health.maxErrorShare)} errors, or slower than {micros(health.maxLatencyUs)}
        </dd>
        <dt>Acts alone</dt>
        <dd>
          {envelope === undefined ? "always" : `at ${percent(envelope.minConfidence, 0)} confidence or more`}
        </dd>
      </dl>
    </section>
  );
}

function Variants({ manifest }: { manifest: Manifest }) {
  return (
    <section class="card is-flush" aria-labelledby="variants">
      <h2 id="variants">Variants</h2>
      <Table
        caption="Variants by hardware"
        columns={[
          { head: "Variant" },
          { head: "Hardware" },
          { head: "Runtime" },
          { head: "File", isNumber: true },
          { head: "RAM", isNumber: true },
          { head: "Flash", isNumber: true },
          { head: "Output" },
          { head: "Golden vectors" },
        ]}
        rows={manifest.variants.map((one) => ({
          key: one.id,
          cells: [
            one.id,
            one.hardware.join(", "),
            one.runtime,
            bytes(one.artifact.length),
            bytes(one.ramBytes),
            bytes(one.flashBytes),
            `${one.output.dtype} ${one.output.shape.join("×")}`,
            `${one.golden.count}, tolerance ${one.golden.tolerance}`,
          ],
        }))}
      />
    </section>
  );
}
