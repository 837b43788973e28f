import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["*/src/**/*.test.ts", "protocol/node/**/*.test.ts", "test/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    // Real brokers, databases and emulators on a shared machine: a test that fails there is tried once more, and said so.
    retry: process.env["CI"] === undefined ? 0 : 1,
  },
});
