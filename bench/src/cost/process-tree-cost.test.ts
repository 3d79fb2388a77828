import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import { treeCpuSeconds, treeMemoryBytes } from "./process-tree-cost.ts";

const BURN = "while (process.cpuUsage().user < 300_000);";

let child: ChildProcess | undefined;
afterEach(() => {
  // With all that it has below it: it leads a group.
  if (child?.pid !== undefined && child.signalCode === null) process.kill(-child.pid, "SIGKILL");
});

/** Runs a script that says when it has done its work and then stays. */
async function started(script: string): Promise<number> {
  child = spawn(process.execPath, ["-e", `${script}; console.log("done"); setInterval(() => {}, 1000)`], {
    detached: true,
  });
  if (child.stdout === null || child.pid === undefined) throw new Error("there is no child");
  await once(child.stdout, "data");
  return child.pid;
}

test("what a process used is counted", async () => {
  expect(treeCpuSeconds(await started(BURN))).toBeGreaterThanOrEqual(0.3);
});

test("what a child used that has ended since is counted", async () => {
  const pid = await started(
    `require("node:child_process").spawnSync(process.execPath, ["-e", ${JSON.stringify(BURN)}])`,
  );
  expect(treeCpuSeconds(pid)).toBeGreaterThanOrEqual(0.3);
});

test("what a child uses that runs is counted", async () => {
  const own = `process.stdout.write("done"); ${BURN}; setInterval(() => {}, 1000)`;
  const pid = await started(
    `const it = require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(own)}]);
     it.stdout.once("data", () => {})`,
  );
  await expect.poll(() => treeCpuSeconds(pid), { timeout: 20_000 }).toBeGreaterThanOrEqual(0.35);
});

test("memory is counted", async () => {
  expect(treeMemoryBytes(await started("globalThis.held = Buffer.alloc(50_000_000, 1)"))).toBeGreaterThan(50_000_000);
});

test("a process that is gone has no cost", async () => {
  const pid = await started("");
  child?.kill("SIGKILL");
  await once(child as ChildProcess, "exit");
  expect(() => treeCpuSeconds(pid)).toThrow("gone");
});
