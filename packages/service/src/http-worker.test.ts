import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type AddressInfo } from "node:net";
import Fastify from "fastify";
import { expect, test } from "vitest";
import { httpWorker } from "./http-worker.ts";

/** Connections to the port that have found no place in the system's queue, and will be tried again after a second and more. */
function withoutPlace(port: number): number {
  const remote = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const rows = readFileSync("/proc/net/tcp", "utf8").split("\n");
  return rows.filter((row) => {
    const [, , to = "", state] = row.trim().split(/\s+/);
    return to.endsWith(remote) && state === "02"; // SYN_SENT
  }).length;
}

// The system's queue is looked at before the event loop takes the first of them.
test.runIf(process.platform === "linux")("more connections than usual may wait to be taken", async () => {
  const app = Fastify();
  const stopping = new AbortController();
  const running = httpWorker(app, { host: "127.0.0.1", port: 0, graceMs: 100 }).run(stopping.signal);
  await once(app.server, "listening");
  const { port } = app.server.address() as AddressInfo;
  const sockets = Array.from({ length: 700 }, () => connect(port, "127.0.0.1"));
  await new Promise<void>((resolve) => process.nextTick(resolve));
  expect(withoutPlace(port)).toBe(0);
  for (const socket of sockets) socket.destroy();
  stopping.abort();
  await running;
});
