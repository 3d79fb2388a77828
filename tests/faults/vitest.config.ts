import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts"],
    // A choice of the same cases, for `npm test`.
    exclude: ["src/gate.test.ts"],
    pool: "forks",
    maxWorkers: 2, // each runs the product as a dozen processes, and some cases have limits of time
    hookTimeout: 120_000,
    reporters: ["verbose"],
  },
});
