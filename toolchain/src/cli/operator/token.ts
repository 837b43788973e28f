import { readFile } from "node:fs/promises";
import { FileError, UsageError } from "../../errors.js";

/** The operator's token: from the file, else from MOTE_TOKEN. Throws UsageError without either, FileError for no file. */
export async function readToken(file: string | undefined): Promise<string> {
  if (file === undefined) {
    const token = process.env["MOTE_TOKEN"];
    if (token !== undefined && token !== "") return token;
    throw new UsageError({
      expected: "an operator's token",
      got: "none",
      todo: "Give --token-file FILE (the server writes admin.token into its data folder) or set MOTE_TOKEN.",
    });
  }
  try {
    return (await readFile(file, "utf8")).trim();
  } catch (cause) {
    throw new FileError({
      expected: `a token in ${file}`,
      got: cause instanceof Error ? cause.message : String(cause),
      todo: "The server writes its first token to admin.token in its data folder.",
      cause,
    });
  }
}
