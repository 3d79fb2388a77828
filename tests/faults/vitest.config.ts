import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts"],
    // A choice of the same cases, for `npm test`.
    exclude: ["src/gate.test.ts"],
    pool: "forks",
    maxWorkers: 3, // most of a case is waiting
    hookTimeout: 120_000,
    reporters: ["verbose"],
  },
});
