import { isDeepStrictEqual } from "node:util";
import { publishPieces, readPieces } from "@chat-relay/bus/live-log";
import { followSession, type Feed } from "@chat-relay/bus/session-feed";
import { LIVE_STREAM_NAME } from "@chat-relay/core/events";
import { newId } from "@chat-relay/core/ids";
import type { ReplyPieces } from "@chat-relay/core/reply-pieces";
import type { SessionChange, SessionEvent } from "@chat-relay/core/session-events";
import { readAllMessages } from "@chat-relay/database/read-messages";
import { readSessionEvents } from "@chat-relay/database/read-session-events";
import { givenMessage } from "@chat-relay/testkit/conversation";
import type { FakeCall } from "@chat-relay/testkit/fake-n8n";
import { waitFor } from "@chat-relay/testkit/wait-for";
import type { ServerResponse } from "node:http";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startDispatcher, type TestDispatcher } from "./testing/start-dispatcher.ts";

let dispatcher: TestDispatcher;
let sessionId: string;
let changes: SessionChange[];
let heard: ReplyPieces[];
let feed: Feed;

beforeAll(async () => {
  dispatcher = await startDispatcher({ CHAT_WEBHOOK_TIMEOUT_MS: "5000" });
});
beforeEach(async () => {
  sessionId = await dispatcher.session();
  await follow();
});
afterAll(() => dispatcher[Symbol.asyncDispose]());

async function follow(): Promise<void> {
  feed?.close();
  [changes, heard] = [[], []];
  const opening = followSession(dispatcher.bus, sessionId, {
    onChange: (change) => changes.push(change),
    onPieces: (pieces) => heard.push(pieces),
  });
  feed = opening.feed;
  await opening.opened;
}

const line = (type: string, content?: string, nodeId = "n1") =>
  `${JSON.stringify({ type, content, metadata: { nodeId, runIndex: 0, itemIndex: 0 } })}\n`;

/** Answers a call with a stream that the test goes on with. */
function stream(response: ServerResponse, ...lines: string[]): ServerResponse {
  response.writeHead(200, { "content-type": "application/json; charset=utf-8" });
  response.write(lines.join(""));
  return response;
}

/** Lets the test answer each attempt by hand. */
function attempts(): Promise<ServerResponse>[] {
  const arrivals = Array.from({ length: 4 }, () => Promise.withResolvers<ServerResponse>());
  let next = 0;
  dispatcher.n8n.answerWith((call: FakeCall, response: ServerResponse) => {
    if (call.body.sessionId !== sessionId) return { status: 500 };
    arrivals[next]?.resolve(response);
    next += 1;
    return undefined;
  });
  return arrivals.map(({ promise }) => promise);
}

/** The text so far of a block, as one who applies the pieces in order has it. */
function textOf(pieces: ReplyPieces[], block = 0): string {
  return pieces
    .flatMap((given) => given.pieces)
    .filter((piece) => piece.block === block)
    .reduce((text, { offset, content }) => text.slice(0, offset) + content, "");
}

const stored = () => readPieces(dispatcher.bus, sessionId);
const shows = (text: string, block = 0) => waitFor(`"${text}"`, () => textOf(heard, block) === text);
const replies = async () =>
  (await readAllMessages(dispatcher.database, sessionId)).slice(1).map(({ content }) => content);
const brief = ({ type, data }: SessionEvent) => (type === "message" ? data.content : `${data.status} ${data.attempts}`);
const announced = () => changes.flatMap(({ events }) => events.map(brief));
const events = async () =>
  (await readSessionEvents(dispatcher.database, sessionId, { sequence: 0, status: 0 }, 100)).events.map(brief);

describe("a streamed answer", () => {
  test("is shown as it comes, kept for those who come later, and replaced by its replies", async () => {
    const [first] = attempts();
    const message = await dispatcher.send(sessionId);
    const response = stream(await first!, line("begin"), line("item", "Hello"));
    await shows("Hello");
    response.write(line("item", " wor"));
    response.write(line("item", "ld", "n1") + line("item", "Second", "n2"));
    await shows("Hello world");
    await shows("Second", 1);
    const log = await stored();
    expect(log).toEqual(heard);
    expect(
      log.every(
        ({ replyTo, attempt, afterSequence }) => replyTo === message.id && attempt === 1 && afterSequence === 1,
      ),
    ).toBe(true);
    expect(await replies()).toEqual([]);
    response.end(line("end") + line("end", undefined, "n2"));
    await dispatcher.until(message.id, "answered");
    expect(await replies()).toEqual(["Hello world", "Second"]);
    await waitFor("the pieces to go", async () => (await stored()).length === 0);
    expect(announced()).toEqual(["Hello world", "Second", "answered 1"]);
    expect(await events()).toEqual(["Hello!", ...announced()]);
  });

  test("is recognised whatever its content type, and cut anywhere", async () => {
    const [first] = attempts();
    const message = await dispatcher.send(sessionId);
    const response = await first!;
    response.writeHead(200, { "content-type": "text/plain" });
    for (const byte of Buffer.from(line("item", "Grüße 👋"))) response.write(Buffer.of(byte));
    await shows("Grüße 👋");
    response.end();
    await dispatcher.until(message.id, "answered");
    expect(await replies()).toEqual(["Grüße 👋"]);
  });

  test("of JSON is read by the rule for JSON and not shown raw", async () => {
    const [first] = attempts();
    const message = await dispatcher.send(sessionId);
    stream(await first!, line("item", '{"output":"You said: hi"}')).end();
    await dispatcher.until(message.id, "answered");
    expect(await replies()).toEqual(["You said: hi"]);
    expect(heard).toEqual([]);
  });

  test("that comes fast is put together", async () => {
    const [first] = attempts();
    const message = await dispatcher.send(sessionId);
    const response = stream(await first!, line("begin"));
    for (let index = 0; index < 200; index += 1) {
      response.write(line("item", `${index} `));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const whole = Array.from({ length: 200 }, (_, index) => `${index} `).join("");
    await shows(whole);
    expect(heard.length).toBeLessThan(100);
    response.end();
    await dispatcher.until(message.id, "answered");
    expect(await replies()).toEqual([whole]);
  });
});

describe("what looks like a stream", () => {
  test.each([
    ["with another status", 500, {}, "retry"],
    ["compressed", 200, { "content-encoding": "gzip" }, "failed"],
  ])("%s is not shown", async (_name, status, headers, outcome) => {
    const [first] = attempts();
    const message = await dispatcher.send(sessionId);
    const response = await first!;
    response.writeHead(status, headers).end(line("item", "Hello"));
    const ended = await waitFor("the attempt", async () => (await dispatcher.delivery(message.id)).attempts[0]);
    expect(ended.outcome).toBe(outcome);
    expect(heard).toEqual([]);
  });
});

describe("a streamed answer that comes to nothing", () => {
  test.each([
    ["reports an error", (response: ServerResponse) => response.end(line("error", "no model"))],
    ["reports an error after its end", (response: ServerResponse) => response.end(line("end") + line("error"))],
    ["breaks off", (response: ServerResponse) => response.destroy()],
  ])("because it %s is told of as a failed attempt and tried again", async (_name, fail) => {
    const [first, second] = attempts();
    const message = await dispatcher.send(sessionId);
    const broken = stream(await first!, line("begin"), line("item", "Hel"));
    await shows("Hel");
    fail(broken);
    await waitFor("the failed attempt", () => announced().includes("queued 1"));
    expect(await replies()).toEqual([]);
    const response = stream(await second!, line("item", "Good day"));
    await shows("Good day");
    expect(heard.at(-1)).toMatchObject({ attempt: 2, pieces: [{ block: 0, offset: 0 }] });
    response.end();
    await dispatcher.until(message.id, "answered");
    expect(await replies()).toEqual(["Good day"]);
    expect(await events()).toEqual(["Hello!", "queued 1", "Good day", "answered 2"]);
  });

  test("because it is over its limits fails at once", async () => {
    const [first] = attempts();
    const message = await dispatcher.send(sessionId);
    const response = stream(await first!, line("item", "x".repeat(262_144)));
    await shows("x".repeat(262_144));
    response.end(line("item", "x"));
    await dispatcher.until(message.id, "failed");
    await waitFor("the news", () => announced().includes("failed 1"));
  });

  test("because its time is up is tried again", async () => {
    const [first, second] = attempts();
    const message = await dispatcher.send(sessionId);
    stream(await first!, line("item", "Hel"));
    await waitFor("the failed attempt", () => announced().includes("queued 1"));
    stream(await second!, line("item", "Good day")).end();
    await dispatcher.until(message.id, "answered");
    expect((await dispatcher.delivery(message.id)).attempts[0]?.error).toBe("n8n did not finish its answer in time");
  });

  test("because the dispatcher stops is handed back without a word; the next begins anew", async () => {
    const [first, second] = attempts();
    const message = await dispatcher.send(sessionId);
    stream(await first!, line("item", "Hel"), line("item", "Other", "n2"));
    await shows("Hel");
    await dispatcher.stop();
    expect(await dispatcher.delivery(message.id)).toMatchObject({ status: "queued", attempts: [] });
    expect(await events()).toEqual(["Hello!"]);
    await dispatcher.startAgain();
    const response = stream(await second!, line("item", "Good day"));
    await shows("Good day");
    expect(textOf(await stored())).toBe("Good day");
    expect(new Set(heard.map(({ attempt }) => attempt))).toEqual(new Set([1]));
    response.end();
    await dispatcher.until(message.id, "answered");
    expect(await events()).toEqual(["Hello!", "Good day", "answered 1"]);
  });
});

describe("the live log", () => {
  test("that is taken away in mid-stream is made again, and gets the whole text", async () => {
    const [first] = attempts();
    await dispatcher.send(sessionId);
    const response = stream(await first!, line("item", "Hello"));
    await shows("Hello");
    feed.close(); // else someone hears a piece whom nobody confirms, and that takes its time
    await dispatcher.bus.client().connection.flush();
    await dispatcher.bus.client().jsm.streams.delete(LIVE_STREAM_NAME);
    let text = "Hello";
    await waitFor("the whole text", async () => {
      response.write(line("item", "!"));
      text += "!";
      const log = await stored().catch(() => []);
      return log.length > 0 && textOf(log).length >= 6 && text.startsWith(textOf(log));
    });
    response.end();
  });

  test("gets the whole text after NATS was away", async () => {
    const [first] = attempts();
    const message = await dispatcher.send(sessionId);
    const response = stream(await first!, line("item", "Hello"));
    await shows("Hello");
    await dispatcher.nats.refuse();
    response.write(line("item", " wor"));
    response.write(line("item", "ld"));
    await dispatcher.nats.pass();
    await shows("Hello world");
    const whole = [{ block: 0, offset: 0, content: "Hello world" }];
    await waitFor("all of it again", () => heard.some(({ pieces }) => isDeepStrictEqual(pieces, whole)));
    response.end();
    await dispatcher.until(message.id, "answered");
  });

  test("keeps a callback's pieces when the webhook's own answer says nothing", async () => {
    const [first] = attempts();
    const message = await dispatcher.send(sessionId);
    const response = await first!;
    const pieces = [{ block: 0, offset: 0, content: "By callback" }];
    const early = { id: newId(), sessionId, replyTo: message.id, attempt: 0, afterSequence: 1, pieces };
    await publishPieces(dispatcher.bus, early);
    response.writeHead(200, { "content-type": "application/json" }).end('{"message":"Workflow was started"}');
    await dispatcher.until(message.id, "delivered");
    await waitFor("the news", () => announced().includes("delivered 1"));
    expect(await stored()).toEqual([early]);
  });
});

describe("followers are told to look", () => {
  const unread = () => changes.some(({ after }) => after === null);

  test("when an attempt is found that was lost", async () => {
    dispatcher.n8n.answerWith(() => ({ body: { output: "Hi" } }));
    const { message } = await givenMessage(dispatcher.database, sessionId);
    const text =
      "UPDATE chat_webhook_queue SET attempts = 1, status = 'delivering', attempt_started_at = now() WHERE message_id = $1";
    await dispatcher.database.query({ name: "", text }, [message.id]);
    await dispatcher.until(message.id, "answered");
    await waitFor("the news", unread);
    expect(await events()).toEqual(["Hello!", "queued 1", "Hi", "answered 2"]);
  });
});
