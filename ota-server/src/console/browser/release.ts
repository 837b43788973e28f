import type { Manifest, ReleaseView } from "@mote/protocol";
import { byId, h, percent, show } from "./dom.js";
import { read } from "./server.js";
import { table } from "./tables.js";

/** One release: its line back to the data it was trained on, its model card, beside the release before it. */

type Known = readonly ReleaseView[];

export async function showRelease(release: ReleaseView, known: Known): Promise<void> {
  const manifest = await read.manifest(release.manifest.sha256);
  const line = await lineOf(release, manifest, known);
  const parent = line[1] ?? null;
  const { modelCard, lineage } = manifest;
  show(
    byId("release-body"),
    h("h2", {}, `${release.product} ${release.version}`),
    h("p", {}, modelCard.summary),
    h("p", {}, h("b", {}, "For: "), modelCard.intendedUse),
    h("p", {}, h("b", {}, "Not for: "), modelCard.limitations),
    h("h3", {}, "Where it comes from"),
    h(
      "ol",
      { class: "line" },
      ...line.map(({ view }) =>
        h(
          "li",
          {},
          `${view.product} ${view.version}`,
          h("span", { class: "note" }, ` on ${view.devices} devices`),
        ),
      ),
      h("li", {}, "source model ", h("code", {}, lineage.sourceModelSha256.slice(0, 16))),
      lineage.trainingDataSha256 === undefined
        ? null
        : h("li", {}, "training data ", h("code", {}, lineage.trainingDataSha256.slice(0, 16))),
    ),
    h("p", { class: "note" }, `${lineage.recipe} (${lineage.toolVersion})`),
    h("h3", {}, parent === null ? "Figures" : `Beside ${parent.view.version}`),
    comparison(release, manifest, parent),
  );
}

interface Ancestor {
  readonly view: ReleaseView;
  readonly manifest: Manifest;
}

/** The release and its ancestors as far as this server knows them, youngest first. */
async function lineOf(view: ReleaseView, manifest: Manifest, known: Known): Promise<Ancestor[]> {
  const line: Ancestor[] = [{ view, manifest }];
  for (let digest = manifest.lineage.parentManifestSha256; digest !== undefined; ) {
    const parent = known.find((one) => one.manifest.sha256 === digest);
    // A manifest names its parent by digest, so the line can't run in a circle.
    if (parent === undefined) break;
    const its = await read.manifest(parent.manifest.sha256);
    line.push({ view: parent, manifest: its });
    digest = its.lineage.parentManifestSha256;
  }
  return line;
}

function comparison(release: ReleaseView, manifest: Manifest, parent: Ancestor | null): HTMLElement {
  const column = (view: ReleaseView, { modelCard, variants }: Manifest): string[] => [
    percent(view.accuracy),
    modelCard.samples === undefined ? "–" : String(modelCard.samples),
    String(view.devices),
    ...variants.flatMap(({ artifact, ramBytes, flashBytes }) => [
      `${artifact.length} B`,
      `${ramBytes} B`,
      `${flashBytes} B`,
    ]),
  ];
  const names = [
    "Accuracy",
    "On samples",
    "Devices",
    ...manifest.variants.flatMap(({ id }) => [`${id}: file`, `${id}: RAM`, `${id}: flash`]),
  ];
  const own = column(release, manifest);
  const theirs = parent === null ? [] : column(parent.view, parent.manifest);
  return table(
    ["", release.version, ...(parent === null ? [] : [parent.view.version])],
    names.map((name, i) => [name, own[i]!, ...(parent === null ? [] : [theirs[i] ?? "–"])]),
  );
}
