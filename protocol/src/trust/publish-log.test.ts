import { describe, expect, it } from "vitest";
import { nodeSha256 } from "../../node/crypto.js";
import { MetadataMismatchError, SchemaError } from "../errors.js";
import {
  appendToLog,
  EMPTY_LOG,
  type PublishLogEntry,
  type PublishLogHead,
  verifyLog,
} from "./publish-log.js";

function logOf(count: number): { entries: PublishLogEntry[]; heads: PublishLogHead[] } {
  const entries: PublishLogEntry[] = [];
  const heads: PublishLogHead[] = [EMPTY_LOG];
  for (let i = 0; i < count; i++) {
    const fact = { atMs: i, name: `${i}.targets.json`, sha256: `${i}`.padStart(64, "0") };
    const { entry, head } = appendToLog(heads[i]!, fact, nodeSha256);
    entries.push(entry);
    heads.push(head);
  }
  return { entries, heads };
}

describe("the publish log", () => {
  it("leads to the head that was appended last, past every head in between", () => {
    const { entries, heads } = logOf(5);
    expect(verifyLog(entries, nodeSha256, heads)).toEqual(heads[5]);
    expect(verifyLog([], nodeSha256)).toEqual(EMPTY_LOG);
  });

  it.each<[string, (entries: PublishLogEntry[]) => unknown[]]>([
    ["a changed entry", (entries) => entries.map((e, i) => (i === 2 ? { ...e, name: "other" } : e))],
    ["a changed time", (entries) => entries.map((e, i) => (i === 0 ? { ...e, atMs: 99 } : e))],
    ["a removed entry", (entries) => entries.filter((_, i) => i !== 2)],
    ["two entries exchanged", ([a, b, ...rest]) => [b, a, ...rest]],
    ["an entry told twice", (entries) => [entries[0], ...entries]],
  ])("shows %s", (_, tamper) => {
    expect(() => verifyLog(tamper(logOf(5).entries), nodeSha256)).toThrow(MetadataMismatchError);
  });

  it("shows a cut end, and a whole rewritten past, to whoever remembers a head", () => {
    const { entries, heads } = logOf(5);
    const remembered = [heads[5]!];
    expect(() => verifyLog(entries.slice(0, 4), nodeSha256, remembered)).toThrow(MetadataMismatchError);
    const rewritten: PublishLogEntry[] = [];
    let head = EMPTY_LOG;
    for (const { atMs, sha256 } of entries) {
      const next = appendToLog(head, { atMs, name: "rewritten", sha256 }, nodeSha256);
      rewritten.push(next.entry);
      head = next.head;
    }
    expect(verifyLog(rewritten, nodeSha256).length).toBe(5);
    expect(() => verifyLog(rewritten, nodeSha256, remembered)).toThrow(MetadataMismatchError);
  });

  it("refuses an entry of another form", () => {
    expect(() => verifyLog([{ index: 0 }], nodeSha256)).toThrow(SchemaError);
  });
});
