import { expect, test } from "vitest";
import type { ProcessExit } from "@chat-relay/embedded/server-process";
import type { RunningProcess } from "./child-process.ts";
import { Supervisor } from "./supervisor.ts";
import { waitUntil } from "@chat-relay/embedded/wait-until";

/** A process that ends when the test says so. */
function controlled(): RunningProcess & { end(exit: ProcessExit): void } {
  const { promise, resolve } = Promise.withResolvers<ProcessExit>();
  const stop = async (): Promise<void> => resolve({ code: 0, signal: null });
  return { pid: 1, exited: promise, stop, kill: (signal) => resolve({ code: null, signal }), end: resolve };
}

const KILLED: ProcessExit = { code: null, signal: "SIGKILL" };

test("waits longer each time, up to a limit, also when the start itself fails", async () => {
  const started: ReturnType<typeof controlled>[] = [];
  const said: string[] = [];
  const start = async (): Promise<RunningProcess> => {
    if (started.length === 2 && !said.at(-1)?.includes("did not start")) throw new Error("port taken");
    return started[started.push(controlled()) - 1] as RunningProcess;
  };
  const backoff = { firstMs: 1, maxMs: 4, resetAfterMs: 60_000 };
  const supervisor = await Supervisor.start({
    name: "x",
    start,
    say: (line) => said.push(line),
    onBadConfig: () => undefined,
    backoff,
  });
  for (let n = 0; n < 3; n += 1) {
    started[n]?.end(KILLED);
    expect(await waitUntil(() => started.length > n + 1, { timeoutMs: 5_000, everyMs: 1 })).toBe(true);
  }
  await supervisor.stop();
  expect(said).toEqual([
    "x exited (signal SIGKILL), restarting in 1 ms",
    "x exited (signal SIGKILL), restarting in 2 ms",
    "x did not start (port taken), restarting in 4 ms",
    "x exited (signal SIGKILL), restarting in 4 ms",
  ]);
});

test("starts over with the first delay after a long life", async () => {
  const started: ReturnType<typeof controlled>[] = [];
  const said: string[] = [];
  const start = async (): Promise<RunningProcess> => started[started.push(controlled()) - 1] as RunningProcess;
  const backoff = { firstMs: 1, maxMs: 100, resetAfterMs: 0 };
  const supervisor = await Supervisor.start({
    name: "x",
    start,
    say: (line) => said.push(line),
    onBadConfig: () => undefined,
    backoff,
  });
  for (let n = 0; n < 2; n += 1) {
    started[n]?.end({ code: 1, signal: null });
    await waitUntil(() => started.length > n + 1, { timeoutMs: 5_000, everyMs: 1 });
  }
  await supervisor.stop();
  expect(said).toEqual(Array(2).fill("x exited (code 1), restarting in 1 ms"));
});

test("does not restart what refuses its configuration, nor what was stopped while it waited", async () => {
  const refused: string[] = [];
  const only = controlled();
  const first = await Supervisor.start({
    name: "x",
    start: async () => only,
    say: () => undefined,
    onBadConfig: (name) => refused.push(name),
  });
  only.end({ code: 78, signal: null });
  expect(await waitUntil(() => refused.length > 0, { timeoutMs: 5_000, everyMs: 1 })).toBe(true);
  await first.stop();
  expect(refused).toEqual(["x"]);

  let starts = 0;
  const process = controlled();
  const start = async (): Promise<RunningProcess> => ((starts += 1), process);
  const backoff = { firstMs: 60_000, maxMs: 60_000, resetAfterMs: 60_000 };
  const said: string[] = [];
  const second = await Supervisor.start({
    name: "y",
    start,
    say: (line) => said.push(line),
    onBadConfig: () => undefined,
    backoff,
  });
  process.end(KILLED);
  await waitUntil(() => said.length === 1, { timeoutMs: 5_000, everyMs: 1 });
  await second.stop();
  expect(starts).toBe(1);
});
