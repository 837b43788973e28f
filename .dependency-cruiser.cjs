// The arrows of the house (docs/house.md). Each rule below is one sentence of it; CI fails when one breaks.
const room = (name) => `^(${name})/`;
/** A package is reached either by its path or, through its workspace link, by its built files. */
const pkg = (name) => `(^|node_modules/@mote/)${name}/`;

module.exports = {
  forbidden: [
    { name: "no-cycle", severity: "error", from: {}, to: { circular: true } },
    {
      name: "protocol-imports-no-package",
      severity: "error",
      from: { path: room("protocol") },
      to: { path: pkg("(toolchain|ota-server|device-agent|benchmarks|test)") },
    },
    {
      name: "server-and-agent-never-import-toolchain",
      severity: "error",
      from: { path: room("ota-server|device-agent") },
      to: { path: pkg("(toolchain|benchmarks|test)") },
    },
    {
      name: "toolchain-imports-no-server-or-agent",
      severity: "error",
      from: { path: room("toolchain") },
      to: { path: pkg("(ota-server|device-agent|benchmarks|test)") },
    },
    {
      name: "server-and-agent-know-each-other-by-protocol-only",
      severity: "error",
      from: { path: room("ota-server|device-agent"), pathNot: "\\.test\\.ts$" },
      to: { path: pkg("(ota-server|device-agent)"), pathNot: "^$1/" },
    },
    {
      name: "benchmarks-and-test-are-imported-by-nobody",
      severity: "error",
      from: { path: "^(protocol|toolchain|ota-server|device-agent)/" },
      to: { path: pkg("(benchmarks|test)") },
    },
    {
      name: "protocol-core-is-pure",
      comment:
        "Digest, clock, randomness and storage are handed in, so that the same code runs on Node, in a browser and in tests.",
      severity: "error",
      from: { path: "^protocol/src/", pathNot: "\\.test\\.ts$" },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "agent-core-is-pure",
      severity: "error",
      from: { path: "^device-agent/src/core/", pathNot: "\\.test\\.ts$" },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "protocol-core-does-not-know-node-parts",
      severity: "error",
      from: { path: "^protocol/src/", pathNot: "\\.test\\.ts$" },
      to: { path: "^protocol/node/" },
    },
    {
      name: "only-store-and-blobs-know-database-or-disk",
      severity: "error",
      from: { path: "^ota-server/src/", pathNot: "^ota-server/src/(store|blobs)/|\\.test\\.ts$" },
      to: { path: "node_modules/(kysely|better-sqlite3|node-sqlite3-wasm|pg)/" },
    },
    {
      name: "not-resolvable",
      severity: "error",
      from: {},
      to: {
        couldNotResolve: true,
        pathNot: "^(bsdiff-node|better-sqlite3|@tensorflow/tfjs-node|onnxruntime-node)",
      },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "(^|/)dist/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.base.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["types", "import", "default"] },
  },
};
