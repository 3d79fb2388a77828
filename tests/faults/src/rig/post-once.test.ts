import { createServer, type Server, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import type { Seen } from "./load.ts";
import { postOnce } from "./post-once.ts";
import { refusals } from "./refusals.ts";

const PROBLEM = { "content-type": "application/problem+json; charset=utf-8", "retry-after": "2" };
/** Time enough for whatever comes at all, and less than one would wait for a test. */
const LONG_MS = 4_000;
const SHORT_MS = 100;

async function listening(answer: (response: ServerResponse) => void): Promise<{ server: Server; url: string }> {
  const server = createServer((request, response) => {
    request.resume();
    request.once("end", () => answer(response));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

/** Posts to a server that answers so. */
async function seenFrom(answer: (response: ServerResponse) => void, timeoutMs = LONG_MS): Promise<Seen> {
  const { server, url } = await listening(answer);
  const { seen } = await postOnce(url, { "content-type": "application/json" }, "{}", timeoutMs);
  server.closeAllConnections();
  server.close();
  return seen;
}

const says = (status: number, headers: Record<string, string>, body: string) => (response: ServerResponse) =>
  void response.writeHead(status, headers).end(body);
const problem = (status: number) => JSON.stringify({ type: "urn:chat-relay:error:unavailable", status });

test("an answer is seen with its text and its problem document", async () => {
  const { server, url } = await listening(says(202, {}, "taken"));
  const { seen, text } = await postOnce(url, {}, "{}");
  server.closeAllConnections();
  server.close();
  expect({ ...seen, text }).toMatchObject({ status: 202, retryAfter: null, isProblem: false, text: "taken" });
  const refused = await seenFrom(says(503, PROBLEM, problem(503)));
  expect(refused).toMatchObject({ status: 503, retryAfter: "2", isProblem: true, lost: undefined });
  expect(refusals({ seen: [seen, refused] })).toEqual([]);
});

test.each([
  ["no JSON", PROBLEM, "Service Unavailable"],
  ["null", PROBLEM, "null"],
  ["of another status", PROBLEM, problem(500)],
  ["without a type", PROBLEM, '{"status":503}'],
  ["JSON of another kind", { ...PROBLEM, "content-type": "application/json" }, problem(503)],
])("a body that is %s is no problem document", async (_, headers, body) => {
  expect(await seenFrom(says(503, headers, body))).toMatchObject({ status: 503, isProblem: false });
});

/** The answer's first half; then the connection is over. */
const breaksOff = (end: "destroy" | "resetAndDestroy") => (response: ServerResponse) => {
  response.writeHead(200, { "content-length": "100" });
  response.write("half", () => response.socket?.[end]());
};

test.each<[string, (response: ServerResponse) => void]>([
  ["is closed without an answer", (response) => response.socket?.destroy()],
  ["is reset without an answer", (response) => response.socket?.resetAndDestroy()],
  ["is closed in mid-answer", breaksOff("destroy")],
  ["is reset in mid-answer", breaksOff("resetAndDestroy")],
])("a connection that %s is one that broke", async (_, answer) => {
  const seen = await seenFrom(answer);
  expect(seen.status).toBe(0);
  expect(refusals({ seen: [seen] })).toEqual([]);
});

test("a connection that nobody takes is one that broke", async () => {
  const { server, url } = await listening(() => undefined);
  server.close();
  await once(server, "close");
  const { seen } = await postOnce(url, {}, "{}");
  expect(seen).toMatchObject({ status: 0, lost: "ECONNREFUSED" });
  expect(refusals({ seen: [seen] })).toEqual([]);
});

test("no answer in time, and one that is no HTTP, are no broken connections", async () => {
  const late = await seenFrom(() => undefined, SHORT_MS);
  const garbage = await seenFrom((response) => response.socket?.end("nonsense\r\n\r\n"));
  expect(refusals({ seen: [late, garbage] })).toEqual([
    expect.stringMatching(/^not at all: TimeoutError/),
    expect.stringMatching(/^not at all: /),
  ]);
});
