import { expect, test } from "vitest";
import { createLogger } from "./logger.ts";
import { runService, type Service, type Worker } from "./run.ts";

const logger = createLogger("test", "silent");

function untilStopped(name: string, log: string[], options: Partial<Worker> = {}): Worker {
  return {
    name,
    run: async (signal) => {
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      log.push(`${name} ended`);
    },
    ...options,
  };
}

function service(workers: Worker[], log: string[]): Service {
  const resources = new AsyncDisposableStack();
  resources.defer(() => void log.push("first opened, last closed"));
  resources.defer(() => void log.push("last opened, first closed"));
  return { workers, resources, drainMs: 1, onStop: () => void log.push("not ready") };
}

test("a signal takes readiness away first, stops the HTTP server last, and closes in reverse order", async () => {
  const log: string[] = [];
  const listenersBefore = process.listenerCount("SIGTERM");
  const ended = runService(
    service([untilStopped("http", log, { stopsLast: true }), untilStopped("consume", log)], log),
    logger,
  );
  process.emit("SIGTERM", "SIGTERM");
  process.emit("SIGTERM", "SIGTERM"); // npm and the terminal both pass Ctrl-C on
  expect(await ended).toBe(0);
  expect(log).toEqual([
    "not ready",
    "consume ended",
    "http ended",
    "last opened, first closed",
    "first opened, last closed",
  ]);
  expect(process.listenerCount("SIGTERM")).toBe(listenersBefore);
});

test("a worker that fails stops the others and is told by the exit code", async () => {
  const log: string[] = [];
  const failing: Worker = { name: "failing", run: async () => Promise.reject(new Error("broken")) };
  expect(await runService(service([failing, untilStopped("other", log)], log), logger)).toBe(1);
  expect(log).toContain("other ended");
});

test("a server that cannot serve us ends the process as bad configuration does", async () => {
  const refused: Worker = {
    name: "bus",
    run: async () => Promise.reject(Object.assign(new Error("too old"), { exitCode: 78 })),
  };
  expect(await runService(service([refused], []), logger)).toBe(78);
});

test("a worker that ends by itself is a failure", async () => {
  const ending: Worker = { name: "ending", run: async () => undefined };
  expect(await runService(service([ending], []), logger)).toBe(1);
});

test("a resource that cannot be closed is told by the exit code", async () => {
  const broken = service([untilStopped("a", [])], []);
  broken.resources.defer(() => Promise.reject(new Error("stuck")));
  const ended = runService(broken, logger);
  process.emit("SIGINT", "SIGINT");
  expect(await ended).toBe(1);
});
