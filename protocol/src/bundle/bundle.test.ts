import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nodeSha256 } from "../../node/crypto.js";
import { fromUtf8, toHex, utf8 } from "../bytes.js";
import { BundleFormatError, DigestMismatchError, MoteError, SchemaError, TooLargeError } from "../errors.js";
import { PARAMS_LAYOUT_SCHEMA, type ParamsLayout } from "../patch/params-layout.js";
import { canonicalJcs, canonicalManifest, parseManifest } from "./canonical.js";
import { codesFor, decodeGolden, encodeGolden, roundToCodes, tensorBytes } from "./golden.js";
import { exampleManifest } from "./manifest.example.js";
import { MANIFEST_MAX_BYTES, type Manifest, type TensorSpec } from "./manifest.js";
import { BUNDLE_MAX_BYTES, packBundle, unpackBundle } from "./pack.js";

function example(): { manifest: Manifest; artifacts: Map<string, Uint8Array> } {
  const artifacts = new Map<string, Uint8Array>();
  const keep = (text: string) => {
    const bytes = utf8(text);
    const sha256 = toHex(nodeSha256(bytes));
    artifacts.set(sha256, bytes);
    return { sha256, length: bytes.length };
  };
  const plain = exampleManifest();
  const variants = plain.variants.map((variant) => ({
    ...variant,
    artifact: keep(`weights of ${variant.id}`),
    golden: {
      ...variant.golden,
      inputs: keep(`golden inputs of ${variant.id}`),
      outputs: keep(`golden outputs of ${variant.id}`),
    },
  }));
  return { manifest: { ...plain, variants }, artifacts };
}

describe("canonical form", () => {
  it("follows RFC 8785's own examples", () => {
    const numbers = [Number("333333333.33333329"), 1e30, 4.5, 2e-3, 0.000000000000000000000000001];
    expect(fromUtf8(canonicalJcs({ numbers, literals: [null, true, false] }))).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27]}',
    );
    expect(fromUtf8(canonicalJcs({ "\u20ac": 1, "\r": 2, "1": 3, "\ud83d\ude00": 4, "\u0080": 5 }))).toBe(
      '{"\\r":2,"1":3,"\u0080":5,"\u20ac":1,"\ud83d\ude00":4}',
    );
  });

  it("does not depend on the order in which members were written", () => {
    const manifest = exampleManifest();
    const reversed = Object.fromEntries(Object.entries(manifest).reverse());
    expect(canonicalJcs(reversed)).toEqual(canonicalManifest(manifest));
  });
});

describe("a manifest", () => {
  it("is read back from its canonical bytes", () => {
    const manifest = exampleManifest();
    expect(parseManifest(canonicalManifest(manifest))).toEqual(manifest);
  });

  it.each([
    ["/sequence", { sequence: 0 }],
    ["/name", { name: "Upper Case" }],
    ["/variants", { variants: [] }],
    ["/surprise", { surprise: 1 }],
    ["/variants/0/artifact/length", withLength(1.5)],
  ])("with a fault at %s is refused by that path", (path, change) => {
    const bytes = canonicalJcs({ ...exampleManifest(), ...change });
    expect(() => parseManifest(bytes)).toThrow(SchemaError);
    expect(() => parseManifest(bytes)).toThrow(`"${path}"`);
  });

  it("that is no JSON, or too long to be read at all, is refused", () => {
    expect(() => parseManifest(utf8("{"))).toThrow(SchemaError);
    expect(() => parseManifest(new Uint8Array([0xff]))).toThrow(SchemaError);
    expect(() => parseManifest(new Uint8Array(MANIFEST_MAX_BYTES + 1))).toThrow(TooLargeError);
  });
});

describe("a bundle", () => {
  it("carries layouts of parameters beside what is signed: of its own architectures, in order", () => {
    const layout = (architectureHash: string): ParamsLayout => ({
      schema: PARAMS_LAYOUT_SCHEMA,
      architectureHash,
      paramBytes: 64,
      ranges: [{ at: 48, count: 4, dtype: "int32" }],
    });
    const layouts = example().manifest.variants.map(({ architectureHash }) => layout(architectureHash));
    const file = packBundle({ ...example(), layouts: [...layouts].reverse() });
    expect(file).toEqual(packBundle({ ...example(), layouts }));
    const read = unpackBundle(file, nodeSha256);
    expect(read.layouts).toEqual(layouts);
    expect(read.manifestBytes).toEqual(unpackBundle(packBundle(example()), nodeSha256).manifestBytes);
    const alien = [layout("ab".repeat(32))];
    expect(() => packBundle({ ...example(), layouts: alien })).toThrow(BundleFormatError);
    expect(() => packBundle({ ...example(), layouts: [layouts[0]!, layouts[0]!] })).toThrow(
      BundleFormatError,
    );
  });

  it("gives back what was packed, and packs to the same bytes in any order", () => {
    const { manifest, artifacts } = example();
    const file = packBundle({ manifest, artifacts });
    const bundle = unpackBundle(file, nodeSha256);
    expect(bundle.manifest).toEqual(manifest);
    expect(new Map([...bundle.artifacts].sort())).toEqual(new Map([...artifacts].sort()));
    const reversed = new Map([...artifacts].reverse());
    expect(packBundle({ manifest, artifacts: reversed })).toEqual(file);
  });

  it("with any one byte flipped is refused", () => {
    const file = packBundle(example());
    for (let at = 0; at < file.length; at++) {
      const flipped = file.slice();
      flipped[at]! ^= 0x20;
      let bundle: unknown;
      try {
        bundle = unpackBundle(flipped, nodeSha256);
      } catch (error) {
        expect(error).toBeInstanceOf(MoteError);
        continue;
      }
      // A flip inside of a free text makes another, unsigned manifest: its digest is what tells.
      expect((bundle as { manifestBytes: Uint8Array }).manifestBytes).not.toEqual(
        unpackBundle(file, nodeSha256).manifestBytes,
      );
    }
  });

  it("whose artifact was exchanged is refused by its digest", () => {
    const file = packBundle(example());
    const flipped = file.slice();
    flipped[file.length - 1]! ^= 1;
    expect(() => unpackBundle(flipped, nodeSha256)).toThrow(DigestMismatchError);
  });

  it("cut anywhere, or with bytes behind its end, is refused", () => {
    const file = packBundle(example());
    for (let length = 0; length < file.length; length += 7) {
      expect(() => unpackBundle(file.subarray(0, length), nodeSha256)).toThrow(BundleFormatError);
    }
    const longer = new Uint8Array(file.length + 1);
    longer.set(file);
    expect(() => unpackBundle(longer, nodeSha256)).toThrow(BundleFormatError);
  });

  it("that claims a length it has not is refused without reserving it", () => {
    const magic = utf8("MOTEBDL1");
    const claim = [0x82, 0x5b, 0, 0, 0, 1, 0, 0, 0, 0];
    expect(() => unpackBundle(new Uint8Array([...magic, ...claim]), nodeSha256)).toThrow(BundleFormatError);
  });

  it("without an artifact, or with one too many, can be neither packed nor read", () => {
    const { manifest, artifacts } = example();
    const [first] = artifacts.keys();
    const less = new Map(artifacts);
    less.delete(first!);
    expect(() => packBundle({ manifest, artifacts: less })).toThrow(BundleFormatError);
    const more = new Map(artifacts).set("0".repeat(64), utf8("stowaway"));
    expect(() => packBundle({ manifest, artifacts: more })).toThrow(BundleFormatError);
  });

  it("beyond the largest size is refused before it is read", () => {
    const huge = { length: BUNDLE_MAX_BYTES + 1 } as Uint8Array;
    expect(() => unpackBundle(huge, nodeSha256)).toThrow(TooLargeError);
  });

  it("of random bytes never does worse than a clear refusal", () => {
    const magic = utf8("MOTEBDL1");
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, isMarked) => {
        const file = isMarked ? new Uint8Array([...magic, ...bytes]) : bytes;
        expect(() => unpackBundle(file, nodeSha256)).toThrow(MoteError);
      }),
    );
  });
});

describe("golden vectors", () => {
  const input: TensorSpec = { name: "x", dtype: "float32", shape: [1, 2] };
  const output: TensorSpec = { name: "y", dtype: "int8", shape: [3] };
  const vectors = { inputs: [new Uint8Array(8)], outputs: [new Uint8Array([1, 2, 3])] };

  const refs = exampleManifest().variants[0]!.golden;
  const variant = { input, output, golden: { ...refs, count: 1 } };

  it("come back as they were", () => {
    expect(decodeGolden(encodeGolden(vectors, input, output), variant)).toEqual(vectors);
    expect(tensorBytes(input)).toBe(8);
  });

  it("keep float inputs in a byte each, to the last bit, where the codes can tell them", () => {
    const images = [Float32Array.of(0, 0.25), Float32Array.of(1, -0.5)];
    const codes = codesFor(images)!;
    const rounded = images.map((image) => roundToCodes(image, codes));
    rounded.forEach((image, i) => {
      image.forEach((value, at) => {
        expect(Math.abs(value - images[i]![at]!)).toBeLessThanOrEqual(codes.scale / 2 + 1e-7);
      });
      expect(roundToCodes(image, codes)).toEqual(image);
    });
    const exact = {
      inputs: rounded.map((image) => new Uint8Array(image.buffer)),
      outputs: [...vectors.outputs, ...vectors.outputs],
    };
    const blobs = encodeGolden(exact, input, output, codes);
    expect(blobs.inputs).toHaveLength(4);
    expect(decodeGolden(blobs, { ...variant, golden: { ...refs, codes, count: 2 } })).toEqual(exact);
    const other = { inputs: [new Uint8Array(Float32Array.of(0.001, 0).buffer)], outputs: vectors.outputs };
    expect(() => encodeGolden(other, input, output, codes)).toThrow(/inputs that their codes can tell/);
  });

  it("have no codes where a value is not finite, or all are zero", () => {
    expect(codesFor([Float32Array.of(0, Number.NaN)])).toBeNull();
    expect(codesFor([Float32Array.of(Number.POSITIVE_INFINITY)])).toBeNull();
    expect(codesFor([Float32Array.of(0, 0)])).toBeNull();
  });

  it("have codes that tell any span of finite values", () => {
    const values = fc.float({ noNaN: true, noDefaultInfinity: true, min: -(2 ** 100), max: 2 ** 100 });
    fc.assert(
      fc.property(fc.array(values, { minLength: 2, maxLength: 2 }), (list) => {
        const image = Float32Array.from(list);
        const codes = codesFor([image]);
        if (codes === null) return;
        const rounded = {
          inputs: [new Uint8Array(roundToCodes(image, codes).buffer)],
          outputs: vectors.outputs,
        };
        const blobs = encodeGolden(rounded, input, output, codes);
        expect(decodeGolden(blobs, { ...variant, golden: { ...refs, codes, count: 1 } })).toEqual(rounded);
      }),
    );
  });

  it("of another size than the tensors, or of another structure, are refused", () => {
    const short = { ...vectors, inputs: [new Uint8Array(7)] };
    expect(() => encodeGolden(short, input, output)).toThrow(/input 0 of 8 bytes/);
    expect(() => encodeGolden({ inputs: [], outputs: [] }, input, output)).toThrow(BundleFormatError);
    const blobs = encodeGolden(vectors, input, output);
    expect(() => decodeGolden(blobs, { ...variant, golden: { ...refs, count: 2 } })).toThrow(/2 inputs of 8/);
    const cut = { ...blobs, outputs: blobs.outputs.subarray(1) };
    expect(() => decodeGolden(cut, variant)).toThrow(/1 outputs of 3 bytes/);
    const codes = { scale: 1, zeroPoint: 0 };
    const odd = { input: output, output, golden: { ...refs, codes } };
    expect(() => decodeGolden(blobs, odd)).toThrow(/codes for inputs of float32 alone/);
  });
});

function withLength(length: number) {
  const [first, ...others] = exampleManifest().variants;
  return { variants: [{ ...first, artifact: { ...first!.artifact, length } }, ...others] };
}
