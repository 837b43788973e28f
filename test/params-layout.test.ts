import { execFile, spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import {
  applyPatch,
  makeTensorPatch,
  type PollRequest,
  type Route,
  toHex,
  unpackBundle,
} from "@mote/protocol";
import { nodeSha256 } from "@mote/protocol/node";
import { type NpyArray, writeNpz } from "@mote/toolchain/data/index";
import { writeModel } from "@mote/toolchain/formats/index";
import type { Graph } from "@mote/toolchain/graph/graph";
import { quantizeGraph } from "@mote/toolchain/quantize/index";
import { NetworkBuilder } from "@mote/toolchain/train/network";
import { Random } from "@mote/toolchain/train/random";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TestDevice } from "../ota-server/src/testing/device.js";
import { planForAll, type TestRelease } from "../ota-server/src/testing/release.js";
import { eventually, TestBench } from "../ota-server/src/testing/server.js";

/**
 * The layout of parameters on its way: `mote compile` writes it, a bundle carries it, the server makes its patch by it, and
 * both decoders of devices, which never see it, make the new parameters out of the old ones.
 */

const MOTE = fileURLToPath(new URL("../toolchain/dist/cli/main.js", import.meta.url));
const SHIMS = fileURLToPath(new URL("../firmware-shims/", import.meta.url));
const has = (program: string): boolean => spawnSync(program, ["--version"], { stdio: "ignore" }).status === 0;
const hasCompiler = has("make") && has("cc");
const run = promisify(execFile);
const SIDE = 8;
const SAMPLES = 16;

let work: string;
let bench: TestBench;
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), "mote-layout-"));
  bench = await TestBench.start();
  await bench.publishRoot();
});
afterEach(async () => {
  await bench.close();
  await rm(work, { recursive: true, force: true });
});

/** A small int8 classifier of pictures. */
async function firstModel(pictures: Float32Array): Promise<Graph> {
  const float = new NetworkBuilder("digits", [SIDE, SIDE, 1], 1)
    .convolution("a", { channels: 8, kernel: [3, 3], stride: [2, 2] })
    .convolution("b", { channels: 12, kernel: [3, 3] })
    .flatten("c")
    .dense("d", 2, "none")
    .softmax("e")
    .build();
  const size = SIDE * SIDE;
  const sample = (i: number): Float32Array => pictures.subarray(i * size, (i + 1) * size);
  return (await quantizeGraph(float, { count: SAMPLES, sampleShape: [SIDE, SIDE, 1], sample })).graph;
}

/** The same network with one in ten of its weights and every bias a few steps away. */
function nextModel(graph: Graph): Graph {
  const random = new Random(2);
  const tensors = new Map(graph.tensors);
  for (const [name, tensor] of graph.tensors) {
    const { data } = tensor;
    if (data instanceof Int8Array) {
      const moved = data.map((code) => (random.float() < 0.1 && code < 120 ? code + 3 : code));
      tensors.set(name, { ...tensor, data: moved });
    } else if (data instanceof Int32Array && name.includes("bias")) {
      tensors.set(name, { ...tensor, data: data.map((bias) => bias + 16 * Math.round(4 * random.float())) });
    }
  }
  return { ...graph, tensors };
}

/** As a person makes it: compiled for a Cortex-M4 and packed. */
async function release(graph: Graph, sequence: number, samples: string): Promise<TestRelease> {
  const [model, compiled, out] = ["model.onnx", "compiled", "bundle"].map((name) =>
    join(work, `${sequence}-${name}`),
  ) as [string, string, string];
  await writeModel(graph, model);
  await run(process.execPath, [MOTE, "compile", model, "--target", "cortex-m4f", "-o", compiled]);
  const facts = ["--name", "digits", "--version", `${sequence}.0.0`, "--sequence", String(sequence)];
  const card = ["--summary", "a", "--intended-use", "a", "--limitations", "a"];
  const data = ["--golden-data", samples, "--golden-count", "1", "--reference-data", samples];
  const variant = ["--variant", `id=mcu,model=${model},compiled=${compiled},hardware=cortex-m4`];
  await run(process.execPath, [
    ...[MOTE, "bundle", "create", ...facts, "--labels", "no,yes", ...variant, ...data, ...card],
    ...["-o", out],
  ]);
  const bundle = new Uint8Array(await readFile(out));
  const { manifest, manifestBytes, artifacts } = unpackBundle(bundle, nodeSha256);
  return { manifest, manifestBytes, artifact: artifacts.get(artifactOf(manifest))!, bundle };
}

function artifactOf({ variants }: TestRelease["manifest"]): string {
  return variants[0]!.artifact.sha256;
}

async function fetched({ blob }: Route, device: TestDevice): Promise<Uint8Array> {
  const { chunks } = await device.client.blob(blob.sha256, 0, device.token);
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return new Uint8Array(Buffer.concat(parts));
}

test.skipIf(!hasCompiler)(
  "a device's patch is made by the layout that came with the bundle (needs make and a C compiler)",
  async () => {
    const random = new Random(1);
    const x: NpyArray = {
      shape: [SAMPLES, SIDE, SIDE, 1],
      data: Float32Array.from({ length: SAMPLES * SIDE * SIDE }, () => random.float()),
    };
    const samples = join(work, "samples.npz");
    writeNpz(samples, { x });
    const first = await firstModel(x.data as Float32Array);
    const releases = [await release(first, 1, samples), await release(nextModel(first), 2, samples)] as const;
    const [old, next] = releases.map(({ artifact }) => artifact) as [Uint8Array, Uint8Array];
    await bench.signers.publish(bench.operator, releases, bench.now());

    const { tokens } = await bench.operator.createEnrolmentTokens({ product: "digits", count: 1 });
    const device = new TestDevice("meter-1", bench.server.url, "cortex-m4");
    await device.enroll(tokens[0]!.token);
    await device.signIn();
    const running = { sequence: 1, artifactSha256: toHex(nodeSha256(old)) };
    const question: PollRequest = {
      running,
      held: [running.artifactSha256],
      floor: 0,
      codecs: ["full", "tensor"],
      agentVersion: "test",
      batteryPercent: 80,
      freeBytes: 1_000_000,
    };
    await device.client.poll(device.id, device.token, question);
    await bench.operator.createRollout(planForAll("2.0.0"));
    const offer = await eventually(
      async () => (await device.client.poll(device.id, device.token, question)).offer,
      "an offer",
    );

    const [route] = offer.routes;
    expect(route).toMatchObject({ codec: "tensor", baseSha256: running.artifactSha256 });
    const patch = await fetched(route!, device);
    // By the layout, or the server would have compared the bytes place by place.
    const layout = JSON.parse(await readFile(join(work, "2-compiled/params.layout.json"), "utf8"));
    expect(patch).toEqual(makeTensorPatch(old, next, { sha256: nodeSha256, layouts: [layout] }));
    const placeByPlace = makeTensorPatch(old, next, { sha256: nodeSha256 });
    expect(patch.length).toBeLessThan(placeByPlace.length);

    expect(applyPatch(old, patch, { sha256: nodeSha256, maxResultBytes: next.length })).toEqual(next);
    const vector = join(work, "vector");
    await mkdir(vector);
    for (const [part, bytes] of Object.entries({ base: old, result: next, patch })) {
      await writeFile(join(vector, `params.${part}`), bytes);
    }
    await run("make", ["--no-print-directory", "-C", SHIMS, "build/test_patch"]);
    const { stdout } = await run(join(SHIMS, "build/test_patch"), [vector, "params"]);
    expect(stdout).toContain(`patch vector params: ${patch.length} B -> ${next.length} B`);
  },
  180_000,
);
