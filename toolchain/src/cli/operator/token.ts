import { readFile } from "node:fs/promises";
import { whatCame } from "@mote/protocol";
import { FileError, UsageError } from "../../errors.js";

/** The operator's token: from the file, else from MOTE_TOKEN. Throws UsageError without either, FileError for no file. */
export async function readToken(file: string | undefined): Promise<string> {
  if (file === undefined) {
    const token = process.env["MOTE_TOKEN"];
    if (token !== undefined && token !== "") return checkToken(token, "MOTE_TOKEN");
    throw new UsageError({
      expected: "an operator's token",
      got: "none",
      todo: "Give --token-file FILE (the server writes admin.token into its data folder) or set MOTE_TOKEN.",
    });
  }
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new FileError({
      expected: `a token in ${file}`,
      got: whatCame(cause),
      todo: "The server writes its first token to admin.token in its data folder.",
      cause,
    });
  });
  return checkToken(text.trim(), file);
}

/** What can't be a token is not sent, and not repeated in a message: it may be another secret. */
function checkToken(text: string, where: string): string {
  if (/^[\x21-\x7e]{1,512}$/.test(text)) return text;
  throw new UsageError({
    expected: `one operator's token in ${where}, and nothing else`,
    got: `${text.length} characters that are none`,
    todo: "Check that it is the right file.",
  });
}
