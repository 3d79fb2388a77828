import { defineConfig } from "vitest/config";

const shared = { pool: "forks", hookTimeout: 120_000 } as const;

export default defineConfig({
  test: {
    reporters: ["default"],
    projects: [
      {
        test: {
          ...shared,
          name: "tests",
          include: ["{apps,packages,infra}/**/src/**/*.test.ts", "tests/e2e/**/*.test.ts"],
          globalSetup: ["packages/testkit/src/global-setup.ts"],
          maxWorkers: 3,
          testTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        // A part of the fault suite, see tests/faults/README.md. After the others: its processes want the machine.
        test: {
          ...shared,
          name: "faults",
          include: ["tests/faults/src/gate.test.ts", "tests/faults/src/rig/*.test.ts"],
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
