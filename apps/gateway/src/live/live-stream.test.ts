import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { connect, type AddressInfo } from "node:net";
import type { Position } from "@chat-relay/core/session-events";
import type { SessionEventPage } from "@chat-relay/database/read-session-events";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { expect, test } from "vitest";
import { LiveStream, type StreamHost } from "./live-stream.ts";

const sessionId = "01a204da-05d2-7348-8179-58e517fc07b1";
const NOWHERE: Position = { sequence: 0, status: 0 };
const SOMEWHERE: Position = { sequence: 1, status: 0 };

/** A session with nothing to read, unless told otherwise. */
function hostOf(read: (after: Position) => Promise<SessionEventPage>): StreamHost {
  const nothing = () => undefined;
  return {
    sessionId,
    bufferMaxBytes: 1e9,
    read,
    observe: nothing,
    textFrames: () => "",
    onCut: nothing,
    onReadError: nothing,
  };
}

const nothingNew = async (position: Position): Promise<SessionEventPage> => ({ events: [], position, hasMore: false });

/** A stream over a real connection, and what its reader has read. */
async function openStream(host: StreamHost) {
  await using stack = new AsyncDisposableStack();
  const server = createServer();
  const requested = once(server, "request") as Promise<[IncomingMessage, ServerResponse]>;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  stack.defer(() => {
    socket.destroy();
    server.close();
  });
  let text = "";
  socket.on("data", (chunk) => (text += String(chunk)));
  socket.write("GET / HTTP/1.1\r\nhost: test\r\n\r\n");
  const [, response] = await requested;
  const errors: Error[] = [];
  response.on("error", (error) => errors.push(error));
  const stream = new LiveStream(host, response);
  const cleanup = stack.move();
  return {
    stream,
    response,
    socket,
    errors,
    text: () => text,
    [Symbol.asyncDispose]: async () => cleanup.disposeAsync(),
  };
}

test("is not written to any more once it has ended, though its reader has not taken all, and is broken off in the end", async () => {
  await using reader = await openStream(hostOf(nothingNew));
  const { stream, response, socket } = reader;
  stream.begin({}, NOWHERE, { newest: SOMEWHERE, isReset: false });
  await waitFor("ready", () => reader.text().includes("event: ready"));
  socket.pause();
  let fullLooks = 0;
  await waitFor("the buffers to be full for good", () => {
    fullLooks = response.writableNeedDrain ? fullLooks + 1 : 0;
    if (fullLooks === 0) stream.tell(`: ${"x".repeat(200_000)}\n\n`);
    return fullLooks > 10;
  });
  stream.end();
  await waitFor("the end", () => response.writableEnded);
  stream.heartbeat();
  stream.tell(": late\n\n");
  stream.end();
  stream.close();
  await waitFor("the break", () => response.destroyed);
  expect(reader.errors).toEqual([]);
});

test("that cannot read what is left does not say end until it could", async () => {
  let isAway = false;
  await using reader = await openStream(
    hostOf(async (after) => {
      if (isAway) throw new Error("PostgreSQL is away");
      return nothingNew(after);
    }),
  );
  const { stream, response } = reader;
  stream.begin({}, NOWHERE, { newest: SOMEWHERE, isReset: false });
  await waitFor("ready", () => reader.text().includes("event: ready"));
  isAway = true;
  stream.end();
  await new Promise((resolve) => setImmediate(resolve));
  expect(response.writableEnded).toBe(false);
  isAway = false;
  stream.end(); // by the next look
  await waitFor("the end", () => reader.text().includes("event: end"));
});

test("reads nothing for a reader who comes with the newest position, unless something has happened meanwhile", async () => {
  const reads: Position[] = [];
  const host = hostOf(async (position) => {
    reads.push(position);
    return nothingNew(position);
  });
  await using first = await openStream(host);
  first.stream.reach({ sequence: 2, status: 0 }); // seen before it has a position of its own
  first.stream.begin({}, SOMEWHERE, { newest: SOMEWHERE, isReset: false });
  await waitFor("ready", () => first.text().includes("event: ready"));
  expect(reads).toEqual([]);
  await using second = await openStream(host);
  const position = { sequence: 1, status: 1 };
  const event = { type: "status", position, data: { messageId: sessionId, status: "queued", attempts: 1 } } as const;
  second.stream.offer({ after: SOMEWHERE, events: [{ position, event, frame: "" }] });
  second.stream.begin({}, SOMEWHERE, { newest: SOMEWHERE, isReset: false });
  await waitFor("ready", () => second.text().includes("event: ready"));
  expect(reads).toEqual([SOMEWHERE]);
});
