import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { connect } from "./connect.js";

const file = join(mkdtempSync(join(tmpdir(), "mote-token-")), "token");
const server = "http://127.0.0.1:8080";

test("a server's address without a scheme is refused before anything is sent", async () => {
  writeFileSync(file, "person_abc\n");
  await expect(connect({ server, tokenFile: file })).resolves.toBeDefined();
  for (const wrong of ["localhost:8080", "ota.example.org", "not a url", "ftp://x", "file:///etc/passwd"]) {
    await expect(connect({ server: wrong, tokenFile: file })).rejects.toMatchObject({ code: "MOTE_USAGE" });
  }
});

test("a file that holds no token is refused without repeating what it holds", async () => {
  for (const text of ["", "two words", "first\nsecond-secret\n", "tökén", "x".repeat(10_000)]) {
    writeFileSync(file, text);
    const error = await connect({ server, tokenFile: file }).catch((cause: Error) => cause);
    expect(error).toMatchObject({ code: "MOTE_USAGE" });
    expect((error as Error).message).not.toMatch(/second-secret|words|xxx/);
  }
});
