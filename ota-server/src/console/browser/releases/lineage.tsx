import type { LineageAnswer, LineageNode } from "@mote/protocol";
import { many, short } from "../format.js";
import { Badge, colourOf } from "../parts/badge.js";
import { to } from "../route.js";
import { ROLLOUT } from "../words.js";

/** From training data to device, release by release, youngest first: the rail joins what was made from what. */
export function Lineage({ kin, product }: { kin: LineageAnswer; product: string }) {
  const nodes = [...kin.children, kin.release, ...kin.ancestors];
  const oldest = nodes.at(-1)!;
  return (
    <section class="card" aria-labelledby="lineage">
      <h2 id="lineage">Where it comes from, and where it went</h2>
      <ol class="lineage">
        {nodes.map((node, i) => (
          <Kin
            key={node.version}
            node={node}
            before={nodes.slice(i + 1)}
            isThis={node === kin.release}
            product={product}
          />
        ))}
      </ol>
      {oldest.parent === null ? null : <p class="small soft">Older ones are not shown.</p>}
    </section>
  );
}

function Kin({
  node,
  before,
  isThis,
  product,
}: {
  node: LineageNode;
  before: readonly LineageNode[];
  isThis: boolean;
  product: string;
}) {
  const { version, sequence, parent, trainingDataSha256, sourceModelSha256, recipe, toolVersion } = node;
  return (
    <li class={`kin ${colourOf(sequence)} ${isThis ? "is-this" : ""}`}>
      <span class="rail" aria-hidden="true" />
      <div class="box">
        <div class="head">
          <h3>{isThis ? version : <a href={to.release(product, version)}>{version}</a>}</h3>
          <span class="soft small">
            {parent === null ? "made from nothing that this server knows" : `made from ${parent}`}
          </span>
        </div>
        <div class="flow">
          <Digest
            name="training data"
            sha256={trainingDataSha256}
            before={before.find((one) => one.trainingDataSha256 === trainingDataSha256)}
          />
          <b aria-hidden="true">→</b>
          <Digest
            name="source model"
            sha256={sourceModelSha256}
            before={before.find((one) => one.sourceModelSha256 === sourceModelSha256)}
          />
          <b aria-hidden="true">→</b>
          <span title={recipe}>
            {recipe} <span class="soft">({toolVersion})</span>
          </span>
          <b aria-hidden="true">→</b>
          <span>{version}</span>
          {node.rollouts.map(({ id, state }) => (
            <Step key={id}>
              <a href={to.rollout(id)}>{id}</a> <Badge word={ROLLOUT[state]} />
            </Step>
          ))}
          <Step>
            <a href={to.devices({ product, sequence: String(sequence) })}>{many(node.devices, "device")}</a>
          </Step>
        </div>
      </div>
    </li>
  );
}

function Step({ children }: { children: preact.ComponentChildren }) {
  return (
    <>
      <b aria-hidden="true">→</b>
      <span>{children}</span>
    </>
  );
}

function Digest({
  name,
  sha256,
  before,
}: {
  name: string;
  sha256: string | null;
  before: LineageNode | undefined;
}) {
  if (sha256 === null) return <span>{name}: not told</span>;
  return (
    <span title={sha256}>
      {name} <code>{short(sha256)}</code>
      {before === undefined ? null : <span class="soft"> (the same as {before.version})</span>}
    </span>
  );
}
