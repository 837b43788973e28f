import { parentPort } from "node:worker_threads";
import { type Attribute, Dataset, File, Group, ready } from "h5wasm";
import {
  HDF5_LIMITS,
  type Hdf5Answer,
  type Hdf5Dataset,
  type Hdf5File,
  type Hdf5Request,
} from "./hdf5-protocol.js";

/**
 * The thread in which HDF5's own library (as WebAssembly, with a file system in memory: no file of this machine can be
 * reached through a link) reads one file after the other. It is C, reading what may be damaged: whatever becomes of
 * it stays in here.
 */
const PATH = "/model.h5";
/** Keras cuts a list of names that is longer than an HDF5 attribute can be into name0, name1, … */
const ATTRIBUTES = /^(model_config|keras_version|backend|(layer_names|weight_names)\d*)$/;
/** What training leaves; twice the weights, and nothing that inference needs. */
const SKIPPED: ReadonlySet<string> = new Set(["optimizer_weights", "optimizer", "_optimizer"]);

class Budget {
  objects: number = HDF5_LIMITS.objects;
  bytes: number;

  constructor(fileBytes: number) {
    this.bytes = fileBytes * HDF5_LIMITS.expansion + HDF5_LIMITS.slackBytes;
  }

  takeObject(path: string): void {
    this.objects -= 1;
    if (this.objects < 0) throw new Error(`more than ${HDF5_LIMITS.objects} objects, at "${path}"`);
  }

  takeBytes(path: string, count: number): void {
    this.bytes -= count;
    if (!(this.bytes >= 0)) throw new Error(`"${path}" claims ${count} bytes, more than the file can hold`);
  }
}

function readFile(file: File, budget: Budget): Hdf5File {
  const attributes = new Map<string, ReadonlyMap<string, readonly string[]>>();
  const datasets = new Map<string, Hdf5Dataset>();
  const visit = (group: Group, path: string, depth: number): void => {
    if (depth > HDF5_LIMITS.depth) throw new Error(`groups in a circle at "${path}"`);
    attributes.set(path, readAttributes(group, path, budget));
    for (const key of group.keys()) {
      if (depth === 0 && SKIPPED.has(key)) continue;
      const inner = path === "" ? key : `${path}/${key}`;
      budget.takeObject(inner);
      // Links into other files are left alone: a model is one file.
      const entity = group.get(key);
      if (entity instanceof Group) visit(entity, inner, depth + 1);
      else if (entity instanceof Dataset) datasets.set(inner, readDataset(entity, inner, budget));
    }
  };
  visit(file, "", 0);
  return { attributes, datasets };
}

function readAttributes(group: Group, path: string, budget: Budget): Map<string, readonly string[]> {
  const out = new Map<string, readonly string[]>();
  for (const [name, attribute] of Object.entries(group.attrs)) {
    if (ATTRIBUTES.test(name)) out.set(name, readText(attribute, `${path}@${name}`, budget));
  }
  return out;
}

/** Type classes of HDF5's H5T_class_t. */
const [FLOAT_CLASS, TEXT_CLASS] = [1, 3] as const;

function readText(attribute: Attribute, place: string, budget: Budget): string[] {
  const { metadata } = attribute;
  // An empty list is written as one of floats.
  if (metadata.type !== TEXT_CLASS) return [];
  budget.takeBytes(place, metadata.total_size * metadata.size);
  const { value } = attribute;
  if (typeof value === "string") return [value];
  return Array.isArray(value) ? value.map(String) : [];
}

function readDataset(dataset: Dataset, path: string, budget: Budget): Hdf5Dataset {
  const { metadata } = dataset;
  const shape = [...(metadata.shape ?? [])];
  if (metadata.type !== FLOAT_CLASS && metadata.type !== 0) return { shape, data: `type ${dataset.dtype}` };
  budget.takeBytes(path, metadata.total_size * metadata.size);
  const { value } = dataset;
  if (typeof value === "number" || typeof value === "bigint") {
    return { shape, data: Float32Array.of(Number(value)) };
  }
  if (value instanceof Float32Array) return { shape, data: value.slice() };
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return { shape, data: Float32Array.from(value as ArrayLike<number | bigint>, Number) };
  }
  return { shape, data: `type ${JSON.stringify(dataset.dtype)}` };
}

async function answer({ id, bytes }: Hdf5Request): Promise<Hdf5Answer> {
  const { FS } = await ready;
  let file: File | undefined;
  try {
    FS.writeFile(PATH, bytes);
    file = new File(PATH, "r");
    return { id, file: readFile(file, new Budget(bytes.length)) };
  } catch (error) {
    const isBroken = !(error instanceof Error) || error.name === "RuntimeError";
    return { id, error: error instanceof Error ? error.message : "the library gave up", isBroken };
  } finally {
    file?.close();
  }
}

parentPort?.on("message", (request: Hdf5Request) => {
  void answer(request).then((reply) => {
    parentPort!.postMessage(reply);
    if ("error" in reply && reply.isBroken) process.exit(1);
  });
});
