import { BusRefusedError, BusUnavailableError } from "./errors.ts";
import { describe, expect, test } from "vitest";
import { busWorker } from "./bus-worker.ts";

describe("the bus worker", () => {
  test("fails when the bus refuses", async () => {
    const worker = busWorker({ ready: Promise.reject(new BusRefusedError("too old")) });
    await expect(worker.run(new AbortController().signal)).rejects.toThrow("too old");
  });

  test.each([
    ["ready", () => Promise.resolve()],
    ["away", () => Promise.reject(new BusUnavailableError("gone"))],
    ["not yet reached", () => new Promise<void>(() => undefined)],
  ])("runs until it is stopped while the bus is %s", async (_name, ready) => {
    const stop = new AbortController();
    let ended = false;
    const running = busWorker({ ready: ready() })
      .run(stop.signal)
      .then(() => (ended = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(ended).toBe(false);
    stop.abort();
    expect(await running).toBe(true);
  });
});
