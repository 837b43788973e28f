import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readDraft } from "./draft.js";

let path: string;
beforeAll(async () => {
  path = join(await mkdtemp(join(tmpdir(), "mote-draft-")), "draft.yaml");
});
afterAll(() => rm(join(path, ".."), { recursive: true, force: true }));

const draft = (ofRelease: string, ofVariant: string) => `name: reader
version: 1.0.0
variants:
  - id: gateway
    model: reader.onnx
    hardware: [gateway]
${ofVariant}
golden: { data: digits.npz }
${ofRelease}`;

it("refuses to encrypt, naming the line that asks for it: nobody takes a model for secret that is not", async () => {
  await writeFile(path, draft("encryption: aes-256-gcm", ""));
  await expect(readDraft(path)).rejects.toThrow(/"\/encryption" \(line 9\)/);
  await writeFile(path, draft("", "    encryption: { class: gateway }"));
  await expect(readDraft(path)).rejects.toThrow(/"\/variants\/0\/encryption" \(line 7\)/);
  await writeFile(path, draft("", ""));
  expect((await readDraft(path)).name).toBe("reader");
});
