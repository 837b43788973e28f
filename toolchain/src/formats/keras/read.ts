import { fromUtf8, whatCame } from "@mote/protocol";
import { unzipSync } from "fflate";
import { ModelFormatError, UnsupportedError } from "../../errors.js";
import type { Graph } from "../../graph/graph.js";
import type { Survey } from "../survey.js";
import { readHdf5 } from "./hdf5.js";
import { parseModelConfig } from "./model-config.js";
import { graphOf, type KerasModel, type KerasOptions, surveyKeras } from "./read-model.js";
import { legacyStore, numberedStore } from "./stores.js";

export { READABLE_LAYERS } from "./layers/table.js";
export type { KerasOptions } from "./read-model.js";

/** Bytes that a .keras archive may hold, unpacked. */
export const ARCHIVE_MAX_BYTES = 1 << 30;

/**
 * Reads a Keras model: `.h5` of Keras 2 and 3 (HDF5), or `.keras` (a zip). Which one it is its first bytes say. Throws
 * ModelFormatError for a file that is damaged, UnsupportedError that lists every layer that is not read with its count
 * and first place, GraphError for a model that contradicts itself.
 */
export async function readKeras(bytes: Uint8Array, options: KerasOptions = {}): Promise<Graph> {
  return graphOf(await openKeras(bytes), options);
}

/** What the file holds, whether or not each layer can be read. */
export async function surveyKerasFile(bytes: Uint8Array): Promise<Survey> {
  return surveyKeras((await openKeras(bytes)).config);
}

function openKeras(bytes: Uint8Array): Promise<KerasModel> {
  const isZip = bytes[0] === 0x50 && bytes[1] === 0x4b;
  return isZip ? openArchive(bytes) : openLegacy(bytes);
}

async function openLegacy(bytes: Uint8Array): Promise<KerasModel> {
  const file = await readHdf5(bytes, "of Keras");
  const root = file.attributes.get("");
  const config = root?.get("model_config")?.[0];
  if (config === undefined) {
    throw new UnsupportedError({
      expected: "a whole model: weights and the model_config that says what to do with them",
      got: "an HDF5 file without model_config",
      todo: "save_weights writes weights only: save with model.save().",
    });
  }
  const version =
    root?.get("keras_version")?.[0] ?? file.attributes.get("model_weights")?.get("keras_version")?.[0];
  return {
    config: parseModelConfig(config),
    weights: legacyStore(file),
    kerasMajor: majorOf(version),
  };
}

const MEMBERS = ["config.json", "metadata.json", "model.weights.h5"] as const;

async function openArchive(bytes: Uint8Array): Promise<KerasModel> {
  const members = unpack(bytes);
  const text = (name: (typeof MEMBERS)[number]) => {
    const member = members[name];
    if (member === undefined)
      throw damaged(`"${name}" in it`, `${Object.keys(members).join(", ") || "nothing"}`);
    try {
      return fromUtf8(member);
    } catch (cause) {
      throw damaged(`text in "${name}"`, whatCame(cause));
    }
  };
  const config = parseModelConfig(text("config.json"));
  const version = members["metadata.json"] === undefined ? undefined : versionIn(text("metadata.json"));
  const weights = members["model.weights.h5"];
  if (weights === undefined) throw damaged('"model.weights.h5" in it', Object.keys(members).join(", "));
  const file = await readHdf5(weights, "in the archive of Keras");
  return { config, weights: numberedStore(file), kerasMajor: majorOf(version) };
}

function unpack(bytes: Uint8Array): Record<string, Uint8Array> {
  let total = 0;
  try {
    return unzipSync(bytes, {
      filter: ({ name, originalSize }) => {
        if (!MEMBERS.some((member) => member === name)) return false;
        total += originalSize;
        if (total > ARCHIVE_MAX_BYTES)
          throw damaged(`at most ${ARCHIVE_MAX_BYTES} bytes unpacked`, `${total}`);
        return true;
      },
    });
  } catch (cause) {
    if (cause instanceof ModelFormatError) throw cause;
    throw damaged("a whole zip archive", whatCame(cause));
  }
}

function versionIn(metadata: string): string | undefined {
  try {
    const json: unknown = JSON.parse(metadata);
    const version = (json as { keras_version?: unknown } | null)?.keras_version;
    return typeof version === "string" ? version : undefined;
  } catch {
    return undefined;
  }
}

/** "3.15.1" -> 3; what says nothing is of Keras 2. */
function majorOf(version: string | undefined): number {
  const major = Number.parseInt(version ?? "", 10);
  return Number.isInteger(major) ? major : 2;
}

function damaged(expected: string, got: string): ModelFormatError {
  return new ModelFormatError({
    expected: `a .keras file with ${expected}`,
    got,
    todo: "The file is truncated or damaged: save or copy it again.",
  });
}
