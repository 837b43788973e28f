import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { checkSchema, goldenOf, toHex, unpackBundle } from "@mote/protocol";
import { makeFolder, nodeSha256 } from "@mote/protocol/node";
import type { Command } from "commander";
import { BundleDraft, readDraft } from "../../release/draft.js";
import { type DraftFlags, draftFromFlags } from "../../release/draft-flags.js";
import { writeWhole } from "../../whole-file.js";
import type { CliCommand, Io } from "../command.js";
import { readBundleFile } from "./sign.js";

export const command: CliCommand = {
  name: "bundle",
  summary: "make, show and check the file that carries a release",
  configure(command, io) {
    configureCreate(command.command("create"), io);
    configureInspect(command.command("inspect"), io);
    configureVerify(command.command("verify"), io);
  },
};

const CREATE_EXAMPLE = `
Example:
  mote bundle create --name meter-reader --version 1.0.0 --sequence 1 --labels 0,1,2,3,4,5,6,7,8,9 \\
    --variant id=gateway,model=digits-int8.onnx,hardware=gateway+phone \\
    --variant id=mcu,model=digits-int8.onnx,compiled=build/nrf52840,hardware=nrf52840 \\
    --golden-data validation.npz --reference-data validation.npz --test-data test.npz -o reader-1.0.0.bundle

The same as a file, for mote bundle create --draft reader.yaml (flags win over the file):
  name: meter-reader
  version: 1.0.0
  sequence: 1
  variants:
    - {id: gateway, model: digits-int8.onnx, hardware: [gateway, phone]}
    - {id: mcu, model: digits-int8.onnx, compiled: build/nrf52840, hardware: [nrf52840]}
  images:
    - {file: camera-1.0.0.swu, hardware: [camera-v2]}
  labels: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
  preprocessing:
    - {kind: normalize, mean: 127.5, std: 127.5}
  golden: {data: validation.npz, count: 4}
  reference: {data: validation.npz}
  test: {data: test.npz}
  health: {probationInferences: 50, probationS: 60, maxErrorShare: 0.02, maxLatencyUs: 100000}
  envelope: {minConfidence: 0.5}
  modelCard: {summary: Reads one digit., intendedUse: Utility meters., limitations: No letters.}
  lineage: {sourceModel: digits.onnx, trainingData: train, recipe: "mote quantize", parent: reader-0.9.0.bundle}
`;

function configureCreate(command: Command, io: Io): void {
  command
    .description("run each variant on golden data, keep its answers, and pack everything into one file")
    .option("-d, --draft <file>", "YAML or JSON instead of, or beside, the flags below")
    .option("-n, --name <product>", "product: releases of one name replace one another")
    .option("--version <semver>", "version for people")
    .option("--sequence <n>", "number that grows with every release (default: the parent's plus one)")
    .option("--labels <list>", "class names, comma-separated")
    .option("--normalize <mean,std>", "preprocessing: samples become (x - mean) / std before the model")
    .option(
      "--variant <facts...>",
      "id=…,model=FILE,hardware=A+B[,compiled=DIR][,tolerance=0.02]; with compiled it is for mote-c",
    )
    .option(
      "--image <file=hardware...>",
      "a whole image for devices with an update client of their own, e.g. camera.swu=camera-v2",
    )
    .option("--golden-data <path>", "samples for the golden vectors")
    .option("--golden-count <n>", "how many of them")
    .option(
      "--reference-data <path>",
      "samples whose confidence and output mix are what drift is measured against",
    )
    .option("--reference-count <n>", "how many of them at most")
    .option(
      "--test-data <path>",
      "labelled samples, unseen by training and calibration: the model card's accuracy",
    )
    .option("--probation-inferences <n>", "inferences on the new model before a device confirms it")
    .option("--probation-s <s>", "seconds before a device confirms it")
    .option("--max-error-share <share>", "share of failed inferences at which a device goes back")
    .option("--max-latency-us <us>", "latency at which a device goes back")
    .option("--min-confidence <share>", "below it the device abstains")
    .option("--summary <text>", "model card: what it does")
    .option("--intended-use <text>", "model card: what for")
    .option("--limitations <text>", "model card: what not for")
    .option("--source-model <file>", "lineage: the float model")
    .option("--training-data <path>", "lineage: a file or a folder, whose digest is kept")
    .option("--recipe <text>", "lineage: how the model was made from its source")
    .option("--parent <bundle>", "lineage: the release before")
    .requiredOption("-o, --out <file>", "bundle to write")
    .addHelpText("after", CREATE_EXAMPLE)
    .action(async (options: DraftFlags & { out: string; draft?: string }) => {
      const fromFile = options.draft === undefined ? {} : await readDraft(options.draft);
      const draft = checkSchema(BundleDraft, draftFromFlags(fromFile, options), "the bundle's description");
      // Brings ONNX Runtime along, which inspect and verify can do without.
      const { createBundle } = await import("../../release/create-bundle.js");
      const bar = io.progress("variants");
      const { file, manifest } = await createBundle(draft, TOOL_VERSION, (done, total) =>
        bar.update(done, total),
      );
      bar.stop();
      await writeWhole(options.out, file);
      const sha256 = toHex(nodeSha256(file));
      io.json({ file: options.out, bytes: file.length, sha256, manifest });
      io.say(
        `${options.out}: ${manifest.name} ${manifest.version}, sequence ${manifest.sequence}, ${file.length} B`,
      );
      for (const { id, runtime, hardware, artifact } of manifest.variants) {
        io.say(`  ${id}: ${runtime} for ${hardware.join(", ")}, ${artifact.length} B`);
      }
    });
}

const TOOL_VERSION = "mote 0.1.0";

function configureInspect(command: Command, io: Io): void {
  command
    .description("show what a bundle says of itself")
    .argument("<bundle>")
    .option("--extract <dir>", "write the manifest and every artifact there, by digest")
    .addHelpText("after", "\nExample:\n  mote bundle inspect reader-1.0.0.bundle --json\n")
    .action(async (path: string, options: { extract?: string }) => {
      const { manifest, manifestBytes, artifacts } = unpackBundle(await readBundleFile(path), nodeSha256);
      const manifestSha256 = toHex(nodeSha256(manifestBytes));
      if (options.extract !== undefined) {
        await makeFolder(options.extract);
        await writeFile(join(options.extract, `${manifestSha256}.manifest.json`), manifestBytes);
        for (const [digest, bytes] of artifacts) await writeFile(join(options.extract, digest), bytes);
      }
      const files = [...artifacts].map(([sha256, bytes]) => ({ sha256, bytes: bytes.length }));
      io.json({ manifest, manifestSha256, artifacts: files });
      io.say(`${manifest.name} ${manifest.version}, sequence ${manifest.sequence}`);
      io.say(`manifest  ${manifestSha256}, ${manifestBytes.length} B`);
      for (const variant of manifest.variants) {
        io.say(`${variant.id}: ${variant.runtime} for ${variant.hardware.join(", ")}`);
        io.say(`  artifact      ${variant.artifact.sha256}, ${variant.artifact.length} B`);
        io.say(`  architecture  ${variant.architectureHash}`);
        io.say(`  golden        ${variant.golden.count} vectors, tolerance ${variant.golden.tolerance}`);
      }
      for (const { filename, hardware, artifact } of manifest.images ?? []) {
        io.say(`${filename}: image for ${hardware.join(", ")}, ${artifact.sha256}, ${artifact.length} B`);
      }
      const { accuracy, samples } = manifest.modelCard;
      if (accuracy !== undefined) io.say(`accuracy  ${(accuracy * 100).toFixed(2)} % of ${samples} samples`);
    });
}

function configureVerify(command: Command, io: Io): void {
  command
    .description("check every digest and golden vector; with --repo also who signed it")
    .argument("<bundle>")
    .option("-r, --repo <dir>", "folder of trust metadata: must name this very manifest")
    .addHelpText("after", "\nExample:\n  mote bundle verify reader-1.0.0.bundle --repo trust\n")
    .action(async (path: string, options: { repo?: string }) => {
      const bundle = unpackBundle(await readBundleFile(path), nodeSha256);
      for (const variant of bundle.manifest.variants) goldenOf(bundle.artifacts, variant);
      const { verifySignedBy } = await import("../../release/verify-signed.js");
      const signed = options.repo === undefined ? null : await verifySignedBy(bundle, options.repo);
      io.json({ digests: "ok", golden: "ok", signed });
      io.say("Every digest and every golden vector is whole.");
      if (signed !== null) {
        io.say(
          `Signed by ${signed.signatures} of ${signed.threshold} keys of ${signed.role} version ${signed.version}.`,
        );
      }
    });
}
