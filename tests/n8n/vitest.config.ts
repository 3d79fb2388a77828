import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts"],
    globalSetup: ["../../packages/testkit/src/global-setup.ts", "src/rig/global-setup.ts"],
    pool: "forks",
    maxWorkers: 1, // one n8n wants the machine
    hookTimeout: 600_000,
    testTimeout: 120_000,
    reporters: ["verbose"],
  },
});
