import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { expect, test } from "vitest";
import { breakOff, refuse } from "./testing/fake-gateway.ts";
import { testClient, testGateway, untilLive, untilShown } from "./testing/test-client.ts";

const PROCESS = fileURLToPath(new URL("testing/stopped-process.ts", import.meta.url));
// Below the shortest wait that could be left: a request's deadline of 30 s.
const PATIENCE_MS = 20_000;

test.each(["live", "offline"])(
  "a process has no timer left after stop, and ends by itself, when the client was %s",
  async (ending) => {
    const gateway = await testGateway();
    if (ending === "offline") gateway.planAlways("POST /session", breakOff);
    const run = promisify(execFile)(process.execPath, [PROCESS, gateway.url, ending], { timeout: PATIENCE_MS });
    await expect(run).resolves.toEqual({ stdout: "0 timers", stderr: "" });
    await waitFor("its stream to be closed", () => gateway.openStreams === 0);
  },
);

test("a listener may stop the client, and hears of it once", async () => {
  const client = testClient(await testGateway());
  let [heard, isDone] = [0, false];
  client.subscribe(() => {
    heard += 1;
    isDone ||= client.snapshot.connection === "live";
    if (isDone && heard <= 100) client.stop(); // each time, as a careless one would
  });
  client.start();
  client.send("Hello!");
  await waitFor("it to be stopped", () => client.snapshot.connection === "idle" && heard > 1);
  const before = heard;
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(heard - before).toBeLessThanOrEqual(1);
  expect(heard).toBeLessThan(100);
});

test("after stop nothing is asked of the gateway, whatever was waiting", async () => {
  const gateway = await testGateway();
  const calls: RequestInit[] = [];
  const client = testClient(gateway, {
    fetch: (input, init = {}) => {
      calls.push(init);
      return fetch(input, init);
    },
  });
  client.start();
  client.send("1");
  await untilLive(client);
  await untilShown(client, "it to be queued", ({ messages }) => messages[0]?.state === "queued");
  for (const name of ["POST /send", "GET /stream"]) gateway.planAlways(name, refuse(503, "unavailable"));
  client.send("2");
  gateway.session.cutStreams();
  await untilShown(client, "to be offline", ({ connection }) => connection === "offline");
  client.stop();
  const [changes, before]: [string[], number] = [[], calls.length];
  client.subscribe(() => changes.push(client.snapshot.connection));
  // Longer than any wait of the stopped one.
  const other = testClient(gateway, {}, { timing: { retryMs: 200, retryMaxMs: 200 } });
  other.start();
  other.send("other");
  const tries = (): number => gateway.named("POST /send").filter(({ body }) => body.content === "other").length;
  await waitFor("the other's tries", () => tries() > 3);
  expect([calls.length, changes.filter((connection) => connection !== "idle")]).toEqual([before, []]);
  expect(calls.filter(({ signal }) => signal?.aborted !== true)).toEqual([]);
});
