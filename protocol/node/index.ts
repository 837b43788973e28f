// For benchmarks and tests of other packages: a documented change of a model.
export { perturbModel } from "../src/patch/test-models.js";
export * from "./crypto.js";
export * from "./edited-file.js";
export * from "./key-file.js";
export * from "./keys.js";
export * from "./make-folder.js";
export * from "./patch/bsdiff.js";
export * from "./patch/make-patches.js";
export * from "./server-keys.js";
export * from "./system-error.js";
export * from "./test-repository.js";
