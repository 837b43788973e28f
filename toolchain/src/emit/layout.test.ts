import { createHash } from "node:crypto";
import { applyPatch, makeTensorPatch, PATCH_HEADER_MAX_BYTES } from "@mote/protocol";
import { describe, expect, it } from "vitest";
import type { Graph } from "../graph/graph.js";
import { loadTarget } from "../targets/index.js";
import { PARAMS_HEADER_BYTES } from "./c/params.js";
import { compileGraph, OPTIMIZE } from "./compile.js";
import { oddGraph, random, wideGraph } from "./networks.cases.js";

const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash("sha256").update(bytes).digest());
const NETWORKS: readonly [string, Graph][] = [
  ["odd", oddGraph(1)],
  ["odd, another", oddGraph(2)],
  ["wide", wideGraph(1)],
];
const TARGETS = ["cortex-m0", "cortex-m4f", "cortex-m7", "cortex-m33", "cortex-m55", "host"];

/** The same network with one in twenty of its weights a step away. */
function nudged(graph: Graph): Graph {
  const below = random(7);
  const tensors = new Map(graph.tensors);
  for (const [name, tensor] of graph.tensors) {
    if (!(tensor.data instanceof Int8Array)) continue;
    const data = tensor.data.map((code) => (below(20) === 0 && Math.abs(code) < 100 ? code + 1 : code));
    tensors.set(name, { ...tensor, data });
  }
  return { ...graph, tensors };
}

describe.each(TARGETS)("layout of parameters for %s", (target) => {
  it.each(NETWORKS)("%s: says of every byte what it is", (_name, graph) => {
    for (const optimize of OPTIMIZE) {
      const { params, layout, architectureHash } = compileGraph(graph, loadTarget(target), { optimize });
      expect(layout).toMatchObject({ architectureHash, paramBytes: params.length });
      let end = PARAMS_HEADER_BYTES;
      for (const range of layout.ranges) {
        // Bytes alone may end within a word.
        expect(range.at - end).toBeLessThan(4);
        end = range.at + ("count" in range ? 4 * range.count : range.rows * range.rowBytes);
      }
      expect(params.length - end).toBeLessThan(4);
    }
  });

  it.each(NETWORKS)("%s: a patch by it is true, and no larger than without", (_name, graph) => {
    for (const optimize of OPTIMIZE) {
      const [old, made] = [graph, nudged(graph)].map((each) =>
        compileGraph(each, loadTarget(target), { optimize }),
      );
      const patch = (layouts = [old!.layout, made!.layout]): Uint8Array =>
        makeTensorPatch(old!.params, made!.params, { sha256, layouts });
      expect(applyPatch(old!.params, patch(), { sha256 })).toEqual(made!.params);
      expect(patch().length).toBeLessThanOrEqual(patch([]).length);
      expect(patch().length).toBeGreaterThan(PATCH_HEADER_MAX_BYTES);
    }
  });
});
