import { waitFor } from "@chat-relay/testkit/wait-for";
import { expect, test } from "vitest";
import { startDispatcher } from "./testing/start-dispatcher.ts";

const LOCK = { name: "lock-session", text: "SELECT 1 FROM chat_session WHERE id = $1 FOR NO KEY UPDATE" };

test("the next call begins while the one before is still being settled", async () => {
  await using dispatcher = await startDispatcher({ CHAT_DISPATCH_CONCURRENCY: "1" });
  const { database, n8n } = dispatcher;
  const [heldSession, freeSession] = [await dispatcher.session(), await dispatcher.session()];
  const release = Promise.withResolvers<void>();
  const isLocked = Promise.withResolvers<void>();
  n8n.answerWith(async (call) => {
    if (call.body.sessionId === heldSession) await isLocked.promise;
    return { body: { output: "ok" } };
  });
  const held = await dispatcher.send(heldSession);
  await waitFor("the call", () => n8n.calls.length === 1);
  const holding = database.transaction(async (query) => {
    await query(LOCK, [heldSession]);
    isLocked.resolve();
    await release.promise;
  });
  const free = await dispatcher.send(freeSession);
  await dispatcher.until(free.id, "answered");
  expect((await dispatcher.delivery(held.id)).status).toBe("delivering");
  release.resolve();
  await holding;
  await dispatcher.until(held.id, "answered");
});

test("no more calls than lanes are under way at once", async () => {
  await using dispatcher = await startDispatcher({ CHAT_DISPATCH_CONCURRENCY: "2" });
  let [underWay, most] = [0, 0];
  dispatcher.n8n.answerWith(async () => {
    underWay += 1;
    most = Math.max(most, underWay);
    await new Promise((resolve) => setTimeout(resolve, 20));
    underWay -= 1;
    return { body: { output: "ok" } };
  });
  const sessions = await Promise.all(Array.from({ length: 20 }, () => dispatcher.session()));
  const sent = await Promise.all(sessions.map((sessionId) => dispatcher.send(sessionId)));
  await Promise.all(sent.map(({ id }) => dispatcher.until(id, "answered")));
  expect(most).toBe(2);
});
