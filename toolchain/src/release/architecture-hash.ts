import { createHash } from "node:crypto";
import onnxProto from "onnx-proto";

/**
 * Digest of an ONNX graph without its weights: operators, attributes, wiring, and the names, shapes and types of the
 * initializers. Two trainings of one network share it; a network with another layer does not.
 */
export function onnxArchitectureHash(bytes: Uint8Array): string {
  const { graph, opsetImport } = onnxProto.onnx.ModelProto.decode(bytes);
  const facts = {
    opsets: opsetImport?.map(({ domain, version }) => [domain ?? "", String(version)]),
    nodes: graph?.node?.map(({ opType, domain, input, output, attribute }) => [
      opType,
      domain ?? "",
      input,
      output,
      attribute
        ?.filter(({ t }) => t === null || t === undefined)
        .map((entry) => JSON.stringify(entry))
        .sort(),
    ]),
    initializers: graph?.initializer?.map(({ name, dims, dataType }) => [name, dims?.map(String), dataType]),
  };
  return createHash("sha256").update(JSON.stringify(facts)).digest("hex");
}
