import type { OnnxImporter } from "./importer.js";
import type { OnnxNode } from "./node.js";

/** Brings one node into the graph. */
export type ReadNode = (node: OnnxNode, importer: OnnxImporter) => void;
export type ReadTable = Readonly<Record<string, ReadNode>>;
