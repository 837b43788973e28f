import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { encodeNpy } from "@mote/toolchain/data/npy";
import { readModel, writeModel } from "@mote/toolchain/formats/index";
import { Random } from "@mote/toolchain/train/random";

/**
 * npm run bench:quantize: the visual wake words model, calibrated on 500 images, quantized and written, beside
 * onnxruntime's quantize_static on the same file and samples, alternately. Whole processes are timed, from the start to
 * the written file; peak memory is the process's own. Prints a table, writes results/quantize.json.
 * MOTE_PYTHON names a Python with onnxruntime, onnx and numpy; MOTE_ORT_NODE a folder with onnxruntime-node.
 */

const DATA = process.env["MOTE_DATA"] ?? resolve(import.meta.dirname, "../../../shared/data");
const MODEL = join(DATA, "mlperf-tiny/vww_float32.tflite");
const RESULTS = resolve(import.meta.dirname, "../results/quantize.json");
const PEER = resolve(import.meta.dirname, "../src/quantize-peer.py");
const MOTE = createRequire(import.meta.url).resolve("@mote/toolchain/cli/main");
const SAMPLES = 500;
const SIDE = 96;
const ROUNDS = 3;
/** Prints the peak of a Node process when it ends. */
const WATCH = `data:text/javascript,process.on("exit",()=>process.stderr.write("peak "+process.resourceUsage().maxRSS))`;

interface Measured {
  readonly seconds: number;
  readonly peakBytes: number;
}

type Contestant = "mote, onnxruntime-node" | "mote, onnxruntime-web" | "quantize_static";

/** Blurred blocks of colour: what the speed of calibration can depend on is their size, not their sense. */
function images(path: string): void {
  const random = new Random(1);
  const data = new Float32Array(SAMPLES * SIDE * SIDE * 3);
  const block = 12;
  const blocks = SIDE / block;
  for (let sample = 0; sample < SAMPLES; sample++) {
    const colours = Float32Array.from({ length: blocks * blocks * 3 }, () => random.float());
    for (let i = 0; i < SIDE * SIDE * 3; i++) {
      const [pixel, channel] = [Math.floor(i / 3), i % 3];
      const [row, column] = [Math.floor(pixel / SIDE / block), Math.floor((pixel % SIDE) / block)];
      const noise = 0.1 * (random.float() - 0.5);
      const colour = colours[(row * blocks + column) * 3 + channel]! + noise;
      data[sample * SIDE * SIDE * 3 + i] = Math.min(Math.max(colour, 0), 1);
    }
  }
  writeFileSync(path, encodeNpy({ shape: [SAMPLES, SIDE, SIDE, 3], data }));
}

function mote(work: string, runtime: "node" | "web"): Measured | null {
  const began = performance.now();
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      "--import",
      WATCH,
      MOTE,
      "quantize",
      MODEL,
      "--data",
      join(work, "x.npy"),
      "--samples",
      String(SAMPLES),
      "-o",
      join(work, "mote.onnx"),
    ],
    { encoding: "utf8", env: { ...process.env, MOTE_ORT: runtime } },
  );
  const seconds = (performance.now() - began) / 1000;
  const peak = /peak (\d+)/.exec(stderr)?.[1];
  return status === 0 && peak !== undefined ? { seconds, peakBytes: Number(peak) * 1024 } : null;
}

function peer(work: string): (Measured & { version: string }) | null {
  const python = process.env["MOTE_PYTHON"] ?? "python3";
  const began = performance.now();
  const files = ["float.onnx", "x.npy", "peer.onnx"].map((name) => join(work, name));
  const { status, stdout } = spawnSync(python, [PEER, ...files], { encoding: "utf8" });
  const seconds = (performance.now() - began) / 1000;
  if (status !== 0) return null;
  return {
    seconds,
    ...(JSON.parse(stdout.trim().split("\n").at(-1)!) as { peakBytes: number; version: string }),
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

if (!existsSync(MODEL)) {
  process.stderr.write(
    `bench:quantize needs the MLPerf Tiny models: no file ${MODEL} (MOTE_DATA names their folder)\n`,
  );
  process.exit(2);
}
const work = mkdtempSync(join(tmpdir(), "mote-quantize-"));
try {
  images(join(work, "x.npy"));
  // The peer reads ONNX only: it is given the same float model.
  await writeModel(await readModel(MODEL), join(work, "float.onnx"));
  const rounds: Record<Contestant, Measured[]> = {
    "mote, onnxruntime-node": [],
    "mote, onnxruntime-web": [],
    quantize_static: [],
  };
  let version: string | null = null;
  for (let round = 0; round < ROUNDS; round++) {
    const turns: [Contestant, () => Measured | null][] = [
      ["mote, onnxruntime-node", () => mote(work, "node")],
      [
        "quantize_static",
        () => {
          const result = peer(work);
          version = result?.version ?? version;
          return result;
        },
      ],
      ["mote, onnxruntime-web", () => mote(work, "web")],
    ];
    for (const [name, run] of round % 2 === 0 ? turns : turns.reverse()) {
      const result = run();
      if (result !== null) rounds[name].push(result);
    }
  }
  const rows = Object.entries(rounds).map(([contestant, runs]) => ({
    contestant,
    medianSeconds: runs.length === 0 ? null : median(runs.map(({ seconds }) => seconds)),
    peakBytes: runs.length === 0 ? null : Math.max(...runs.map(({ peakBytes }) => peakBytes)),
    runs,
  }));
  for (const { contestant, medianSeconds, peakBytes } of rows) {
    const text =
      medianSeconds === null || peakBytes === null
        ? "not installed"
        : `${medianSeconds.toFixed(2)} s, ${(peakBytes / 2 ** 20).toFixed(0)} MiB`;
    process.stdout.write(`${contestant.padEnd(24)} ${text}\n`);
  }
  const outputs = { moteBytes: statSync(join(work, "mote.onnx")).size };
  mkdirSync(dirname(RESULTS), { recursive: true });
  const machine = { cores: cpus().length, processor: cpus()[0]?.model ?? "" };
  const document = {
    model: "vww_float32.tflite",
    samples: SAMPLES,
    machine,
    peer: version,
    rows,
    ...outputs,
  };
  writeFileSync(RESULTS, `${JSON.stringify(document, null, 2)}\n`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
