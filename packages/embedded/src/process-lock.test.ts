import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { identifyProcess, isAlive, ownIdentity } from "./process-identity.ts";
import { acquireProcessLock, LockHeldError } from "./process-lock.ts";
import { stopProcess } from "./stop-process.ts";

let dir: string;
let path: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "chat-relay-lock-"));
  path = join(dir, "a.lock");
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test("is held by one at a time and leaves nothing behind", () => {
  const lock = acquireProcessLock(path);
  expect(() => acquireProcessLock(path)).toThrow(LockHeldError);
  lock.release();
  acquireProcessLock(path).release();
  expect(readdirSync(dir)).toEqual([]);
});

test("is taken over from a dead process, a reused pid and a broken file", () => {
  const gone = { ...ownIdentity(), startedAt: "an earlier boot:1" };
  for (const content of [JSON.stringify(gone), "", "{}", '{"pid":"x","startedAt":""}']) {
    writeFileSync(path, content);
    acquireProcessLock(path).release();
  }
  expect(readdirSync(dir)).toEqual([]);
});

test("a released lock that another took over stays the other's", () => {
  const lock = acquireProcessLock(path);
  const other = JSON.stringify({ pid: 1, startedAt: "x:1" });
  writeFileSync(path, other);
  lock.release();
  expect(readdirSync(dir)).toEqual(["a.lock"]);
});

test("a process is known by pid and start time", async () => {
  const child = spawn(process.execPath, ["--eval", "setInterval(() => undefined, 1000)"], { stdio: "ignore" });
  const identity = identifyProcess(child.pid ?? 0);
  if (identity === undefined) throw new Error("no identity");
  expect(isAlive(identity)).toBe(true);
  expect(isAlive({ ...identity, startedAt: "other:1" })).toBe(false);
  // The wrong start time: not touched.
  expect(await stopProcess({ ...identity, startedAt: "other:1" }, [{ signal: "SIGKILL", waitMs: 100 }])).toBe(true);
  expect(isAlive(identity)).toBe(true);
  const exited = once(child, "exit");
  expect(await stopProcess(identity, [{ signal: "SIGTERM", waitMs: 5_000 }])).toBe(true);
  await exited;
  expect(identifyProcess(identity.pid)).toBeUndefined();
});
