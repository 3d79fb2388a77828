import { existsSync } from "node:fs";
import { defineConfig } from "vitest/config";
import { CHROMIUM_PATH } from "./tests/browser/src/chromium-path.ts";

const shared = { pool: "forks", hookTimeout: 120_000 } as const;

const hasBrowser = existsSync(CHROMIUM_PATH);
if (!hasBrowser) process.stdout.write(`\n SKIPPED: tests/browser, there is no Chromium at ${CHROMIUM_PATH}\n`);

export default defineConfig({
  test: {
    reporters: ["default"],
    projects: [
      {
        test: {
          ...shared,
          name: "tests",
          include: ["{apps,packages,infra,bench}/**/src/**/*.test.ts", "tests/e2e/**/*.test.ts"],
          globalSetup: ["packages/testkit/src/global-setup.ts"],
          maxWorkers: 3,
          testTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        // After the others: a browser wants the machine.
        test: {
          ...shared,
          name: "browser",
          include: hasBrowser ? ["tests/browser/src/*.test.ts"] : [],
          globalSetup: ["packages/testkit/src/global-setup.ts"],
          maxWorkers: 2,
          testTimeout: 60_000,
          sequence: { groupOrder: 2 },
        },
      },
      {
        // A part of the fault suite, see tests/faults/README.md. After the others: its processes want the machine.
        test: {
          ...shared,
          name: "faults",
          include: ["tests/faults/src/gate.test.ts", "tests/faults/src/rig/*.test.ts"],
          maxWorkers: 1,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
