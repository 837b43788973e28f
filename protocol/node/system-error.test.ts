import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { systemErrorOf } from "./system-error.js";

test("a file that is not there is the user's to mend, not a fault", async () => {
  const cause = await readFile("/nowhere/model.onnx").catch((error: unknown) => error);
  const error = systemErrorOf(cause);
  expect(error).toMatchObject({ code: "MOTE_SYSTEM", exitCode: 2, cause });
  expect(error?.message).toMatch(/open \/nowhere\/model\.onnx.*Check the path/);
});

test("a port that another program has is said with what to do", async () => {
  const first = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => first.once("listening", resolve));
  const second = createServer().listen((first.address() as { port: number }).port, "127.0.0.1");
  const cause = await new Promise((resolve) => second.once("error", resolve));
  expect(systemErrorOf(cause)?.message).toMatch(/EADDRINUSE.*choose another port/);
  await new Promise((resolve) => first.close(resolve));
});

test("what is no word of the operating system stays a fault", () => {
  expect(systemErrorOf(new TypeError("x is not a function"))).toBeNull();
  expect(systemErrorOf(Object.assign(new Error("odd"), { code: "ENOENT" }))).toBeNull();
  expect(systemErrorOf("ENOENT")).toBeNull();
});
