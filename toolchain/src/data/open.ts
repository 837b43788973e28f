import { stat } from "node:fs/promises";
import { extname } from "node:path";
import { DataError, FileError } from "../errors.js";
import { openNpy, openNpz } from "./arrays.js";
import type { Dataset, DatasetOptions } from "./dataset.js";
import { openFolder } from "./folder.js";

/** Opens .npz (x, and y where there are labels), .npy, or a folder with one folder per class. */
export async function openDataset(path: string, options: DatasetOptions = {}): Promise<Dataset> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new FileError({
      expected: `a data set at "${path}"`,
      got: "nothing readable",
      todo: "Name an .npz or .npy file, or a folder with one folder per class.",
      cause,
    });
  });
  if (info.isDirectory()) return openFolder(path, options);
  switch (extname(path)) {
    case ".npz":
      return openNpz(path);
    case ".npy":
      return openNpy(path);
    default:
      throw new DataError({
        expected: "an .npz or .npy file, or a folder with one folder per class",
        got: `"${path}"`,
        todo: "Convert the data, for instance with numpy.savez(path, x=x, y=y).",
      });
  }
}
