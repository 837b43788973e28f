import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { exampleManifest } from "../src/bundle/manifest.example.js";
import { packBundle, unpackBundle } from "../src/bundle/pack.js";
import { equalBytes, toHex, utf8 } from "../src/bytes.js";
import { MoteError } from "../src/errors.js";
import { applyPatch } from "../src/patch/decoder.js";
import {
  judgeReleaseEnvelope,
  pinRootEnvelope,
  rotateRootEnvelope,
  signReleaseEnvelope,
  signRootEnvelope,
} from "../src/trust/envelope.js";
import { refresh } from "../src/trust/refresh.js";
import { buildTargets, signRole } from "../src/trust/sign.js";
import { pinRoot } from "../src/trust/state.js";
import { ed25519Key } from "../src/trust/verify.js";
import { nodeSha256, nodeVerify } from "./crypto.js";
import { generateKey } from "./keys.js";
import { makePatch } from "./patch/make-patches.js";
import { damage, edits, HOW_LONG, SECONDS, TIMEOUT_MS } from "./test-damage.js";
import { TestRepository } from "./test-repository.js";

/**
 * Every reader of bytes that come from outside, on genuine documents that were damaged in the ways that find faults:
 * the answer is one of our own errors, and nothing that was changed is ever accepted. A few hundred tries each by
 * default; MOTE_FUZZ_SECONDS=600 goes on for ten minutes each.
 */

const VECTORS = fileURLToPath(new URL("../vectors/patch/", import.meta.url));
const DEPS = { sha256: nodeSha256, verify: nodeVerify };

/** Accepts what is unchanged; of all else, throws whatever is no MoteError, and fails where it was accepted. */
function mustRefuse(genuine: Uint8Array, bytes: Uint8Array, read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (error instanceof MoteError) return;
    throw error;
  }
  expect(equalBytes(bytes, genuine)).toBe(true);
}

describe("damaged documents", () => {
  it(
    "patches",
    async () => {
      const read = (file: string): Uint8Array => new Uint8Array(readFileSync(VECTORS + file));
      // Every kind of operation, every form of rows, and a file alone.
      const genuine = ["operations", "rows", "products", "tensor", "full"].map((name) => ({
        base: read(`${name}.base`),
        next: read(`${name}.result`),
        patch: read(`${name}.patch`),
      }));
      const { base, next } = genuine[0]!;
      const bsdiff = await makePatch("bsdiff", base, next);
      if (bsdiff === null) process.stdout.write("SKIPPED damaged bsdiff patches: needs bsdiff-node\n");
      else genuine.push({ base, next, patch: bsdiff });
      let runs = 0;
      fc.assert(
        fc.property(fc.constantFrom(...genuine), edits, ({ base, next, patch }, list) => {
          const options = { sha256: nodeSha256, maxResultBytes: 100_000 };
          runs++;
          try {
            // Another way to say the same is no harm: the result is what was signed.
            const result = applyPatch(base, damage(patch, list), options);
            if (!equalBytes(result, next)) throw new Error("a damaged patch made something else");
          } catch (error) {
            if (!(error instanceof MoteError)) throw error;
          }
        }),
        HOW_LONG,
      );
      if (SECONDS > 0) process.stdout.write(`patches: ${runs} runs in ${SECONDS} s\n`);
    },
    TIMEOUT_MS,
  );

  it(
    "envelopes for MCUs, of both kinds",
    () => {
      const [root, release] = [generateKey(), generateKey()];
      const facts = {
        version: 1,
        rootThreshold: 1,
        rootKeys: [root.publicKey],
        releaseThreshold: 1,
        releaseKeys: [release.publicKey],
        expiresS: 2_000_000_000,
      };
      const digest = nodeSha256(utf8("digest"));
      const state = pinRootEnvelope(signRootEnvelope(facts, [root], nodeSha256));
      const nextRoot = signRootEnvelope({ ...facts, version: 2 }, [root], nodeSha256);
      const envelope = signReleaseEnvelope(
        {
          product: "reader",
          version: "1.0.0",
          sequence: 3,
          floor: 1,
          hardware: "mcu",
          architectureHash: digest,
          paramsSha256: digest,
          paramsLength: 1000,
          goldenInputsSha256: digest,
          goldenInputsLength: 10,
          goldenOutputsSha256: digest,
          goldenOutputsLength: 10,
          manifestSha256: digest,
          issuedS: 1_700_000_000,
          expiresS: 1_800_000_000,
        },
        [release],
        nodeSha256,
      );
      const question = { product: "reader", hardware: "mcu", architectureHash: digest, clockS: null };
      fc.assert(
        fc.property(fc.boolean(), edits, (isRoot, list) => {
          const genuine = isRoot ? nextRoot : envelope;
          const bytes = damage(genuine, list);
          mustRefuse(genuine, bytes, () =>
            isRoot
              ? rotateRootEnvelope(state, bytes, DEPS)
              : judgeReleaseEnvelope(state, bytes, question, DEPS),
          );
        }),
        HOW_LONG,
      );
    },
    TIMEOUT_MS,
  );

  it(
    "the root that a microcontroller is flashed with, on possession alone",
    () => {
      const key = generateKey();
      const keys = {
        rootThreshold: 1,
        rootKeys: [key.publicKey],
        releaseThreshold: 1,
        releaseKeys: [key.publicKey],
      };
      const genuine = signRootEnvelope({ version: 1, ...keys, expiresS: 2_000_000_000 }, [key], nodeSha256);
      fc.assert(
        fc.property(edits, (list) => {
          try {
            const { root } = pinRootEnvelope(damage(genuine, list));
            expect(root.rootKeys.length * root.releaseKeys.length).toBeGreaterThan(0);
          } catch (error) {
            if (!(error instanceof MoteError)) throw error;
          }
        }),
        HOW_LONG,
      );
    },
    TIMEOUT_MS,
  );

  it(
    "TUF metadata of every role",
    async () => {
      const repository = new TestRepository();
      const state = pinRoot(repository.files.get("1.root.json")!);
      repository.publishRoot();
      const team = generateKey();
      repository.delegations = {
        keys: { [team.keyId]: ed25519Key(team.publicKey) },
        roles: [
          { name: "team", keyids: [team.keyId], threshold: 1, terminating: false, paths: ["tiny/*/*"] },
        ],
      };
      const delegated = buildTargets({ version: 1, expiresMs: repository.nowMs + 86_400_000, targets: {} });
      repository.delegated = { team: { version: 1, bytes: signRole(delegated, [team]) } };
      repository.publish();
      const roles = ["2.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json", "1.team.json"];
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...roles), edits, async (role, list) => {
          const genuine = repository.files.get(role)!;
          const bytes = damage(genuine, list);
          const fetch = async (file: string) =>
            file === role ? bytes : (repository.files.get(file) ?? null);
          try {
            const after = await refresh(state, repository.deps({ fetch, path: "tiny/1.0.0/manifest.json" }));
            // JSON has many spellings of one document; what is signed is their meaning.
            expect(after.timeMs).toBe(repository.nowMs);
          } catch (error) {
            if (!(error instanceof MoteError)) throw error;
          }
        }),
        HOW_LONG,
      );
    },
    TIMEOUT_MS,
  );

  it(
    "bundles",
    () => {
      const artifacts = new Map<string, Uint8Array>();
      const keep = (text: string) => {
        const bytes = utf8(text);
        const sha256 = toHex(nodeSha256(bytes));
        artifacts.set(sha256, bytes);
        return { sha256, length: bytes.length };
      };
      const example = exampleManifest();
      const manifest = {
        ...example,
        variants: example.variants.map((variant, i) => ({
          ...variant,
          artifact: keep(`artifact ${i}`),
          golden: { ...variant.golden, inputs: keep(`inputs ${i}`), outputs: keep(`outputs ${i}`) },
        })),
      };
      const genuine = packBundle({ manifest, artifacts });
      fc.assert(
        fc.property(edits, (list) => {
          const bytes = damage(genuine, list);
          // A bundle is a parcel: other contents that fit together are for trust to judge. Each has one spelling.
          try {
            expect(packBundle(unpackBundle(bytes, nodeSha256))).toEqual(bytes);
          } catch (error) {
            if (!(error instanceof MoteError)) throw error;
          }
        }),
        HOW_LONG,
      );
    },
    TIMEOUT_MS,
  );
});
