import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nodeSha256, nodeVerify } from "../../node/crypto.js";
import { TestRepository } from "../../node/test-repository.js";
import { utf8 } from "../bytes.js";
import { MetadataFormatError, MoteError } from "../errors.js";
import { RootSigned, TimestampSigned } from "./metadata.js";
import { refresh } from "./refresh.js";
import { pinRoot } from "./state.js";
import { parseMetadata, validSigners } from "./verify.js";

const root = new TestRepository().files.get("1.root.json")!;

function edited(change: (document: { signed: Record<string, unknown>; signatures: unknown[] }) => void) {
  const document = JSON.parse(new TextDecoder().decode(root));
  change(document);
  return utf8(JSON.stringify(document));
}

describe("metadata", () => {
  it.each<[string, Uint8Array]>([
    ["nothing at all", new Uint8Array(0)],
    ["no JSON", utf8("hello")],
    ["no UTF-8", new Uint8Array([0x7b, 0xff, 0x7d])],
    ["a byte order mark", new Uint8Array([0xef, 0xbb, 0xbf, ...root])],
    ["a deep nest", utf8("[".repeat(100_000))],
    ["a deep nest that closes", utf8(`${'{"signed":'.repeat(500)}1${"}".repeat(500)}`)],
    ["another role", edited(({ signed }) => Object.assign(signed, { _type: "targets" }))],
    ["another major version", edited(({ signed }) => Object.assign(signed, { spec_version: "2.0.0" }))],
    ["version zero", edited(({ signed }) => Object.assign(signed, { version: 0 }))],
    ["a fraction", edited(({ signed }) => Object.assign(signed, { extra: 0.5 }))],
    ["a time zone", edited(({ signed }) => Object.assign(signed, { expires: "2027-01-01T00:00:00+01:00" }))],
    ["two signatures of one key", edited(({ signatures }) => signatures.push(signatures[0]))],
  ])("with %s is refused", (_, bytes) => {
    expect(() => parseMetadata(bytes, RootSigned, "root")).toThrow(MetadataFormatError);
  });

  it("with members that we don't know keeps them under the signature", () => {
    const bytes = edited(({ signed }) => Object.assign(signed, { "x-future": [1] }));
    const parsed = parseMetadata(bytes, RootSigned, "root");
    expect(new TextDecoder().decode(parsed.message)).toContain('"x-future":[1]');
    const { keys, roles } = parsed.signed;
    expect(validSigners(parsed, keys, roles.root, { sha256: nodeSha256, verify: nodeVerify }).size).toBe(0);
  });

  it("of random or damaged bytes never does worse than a clear refusal", async () => {
    const repository = new TestRepository();
    const timestamp = repository.files.get("timestamp.json")!;
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: timestamp.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, flip) => {
          const damaged = timestamp.slice();
          damaged[at]! ^= flip;
          const deps = repository.deps({
            fetch: async (file) =>
              file === "timestamp.json" ? damaged : (repository.files.get(file) ?? null),
          });
          await refresh(pinRoot(repository.files.get("1.root.json")!), deps).then(
            // A flip that changes no meaning (the case of a hex digit) is the same document.
            (state) =>
              expect(parseMetadata(state.timestamp!, TimestampSigned, "timestamp").signed.version).toBe(1),
            (error) => expect(error).toBeInstanceOf(MoteError),
          );
        },
      ),
      { numRuns: 150 },
    );
  });
});
