export * from "./crypto.js";
export * from "./keys.js";
export * from "./test-repository.js";
