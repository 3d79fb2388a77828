import { readPieces } from "@chat-relay/bus/live-log";
import { followSession } from "@chat-relay/bus/session-feed";
import type { SessionChange } from "@chat-relay/core/session-events";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { expect, test } from "vitest";
import { startDispatcher } from "./testing/start-dispatcher.ts";

test("a long text goes into the live log in pieces, however small the messages of the bus are", async () => {
  await using dispatcher = await startDispatcher({ CHAT_STREAM_MESSAGE_MAX_BYTES: "65536" });
  const text = "\u0001".repeat(30_000); // six bytes each, as JSON
  const { promise: shown, resolve: show } = Promise.withResolvers<void>();
  dispatcher.n8n.answerWith(async (_call, response) => {
    response.write(`${JSON.stringify({ type: "item", content: text })}\n`);
    await shown;
    response.end();
  });
  const sessionId = await dispatcher.session();
  const message = await dispatcher.send(sessionId);
  await waitFor("all of it", async () => {
    const pieces = (await readPieces(dispatcher.bus, sessionId)).flatMap((given) => given.pieces);
    return pieces.map(({ content }) => content).join("") === text;
  });
  show();
  await dispatcher.until(message.id, "answered");
});

test("who follows a session is told to look when no reply came in time", async () => {
  await using dispatcher = await startDispatcher({ CHAT_REPLY_TIMEOUT_MS: "300" });
  const sessionId = await dispatcher.session();
  const changes: SessionChange[] = [];
  const listener = { onChange: (change: SessionChange) => changes.push(change), onPieces: () => undefined };
  const { feed, opened } = followSession(dispatcher.bus, sessionId, listener);
  await opened;
  const message = await dispatcher.send(sessionId);
  await dispatcher.until(message.id, "unanswered");
  await waitFor("the news", () => changes.length > 1);
  expect(changes.at(-1)).toEqual({ sessionId, after: null, events: [] });
  feed.close();
});
