import { startStack, type Stack } from "@chat-relay/testkit/stack";
import { tapNats, tapPostgres, type ProtocolTap } from "@chat-relay/testkit/protocol-tap";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

/** One after the other, and at once. */
const COUNT = 20;
const TOGETHER = 100;

let cleanup: AsyncDisposableStack;
let stack: Stack;
let postgres: ProtocolTap;
let nats: ProtocolTap;

// They count too, and are not in the way. A dispatcher says seldom what it has under way: each time, of each, by what looks
// like an acknowledgement. The safety net does not look: on a slow machine what is marked late would be published again.
const LIMITS = {
  CHAT_ACK_WAIT_MS: "25000",
  CHAT_QUEUE_INTERVAL_MS: "60000",
  CHAT_RATE_LIMIT_DISABLED: "false",
  CHAT_RATE_LIMIT_MESSAGES: "9999/60",
  CHAT_RATE_LIMIT_SESSIONS: "9999/60",
};

beforeAll(async () => {
  cleanup = new AsyncDisposableStack();
  stack = cleanup.use(
    await startStack(LIMITS, async (urls) => {
      postgres = cleanup.use(await tapPostgres(urls.DATABASE_URL));
      nats = cleanup.use(await tapNats(urls.NATS_URL));
      return { DATABASE_URL: postgres.url, NATS_URL: nats.url };
    }),
  );
  // Answered by a callback that comes when the call is settled, as from a workflow that takes its time.
  stack.n8n.answerWith((call) => {
    const messageId = String(call.headers["webhook-id"]);
    const { sessionId } = call.body;
    void waitFor("the delivery", async () => (await statusOf(messageId)) === "delivered").then(() =>
      stack.callback(`reply-${messageId}`, { sessionId, replyTo: messageId, content: "Here it is" }),
    );
    return { body: { message: "Workflow was started" } };
  });
});
afterAll(() => cleanup.disposeAsync());
beforeEach(() => {
  postgres.reset();
  nats.reset();
});

async function statusOf(messageId: string): Promise<string | undefined> {
  const text = "SELECT status FROM chat_webhook_queue WHERE message_id = $1";
  const [row] = await stack.database.query<{ status: string }>({ name: "", text }, [messageId]);
  return row?.status;
}

async function untilAnswered(count: number): Promise<void> {
  await waitFor("the replies, out of the outbox", async () => {
    const text = `SELECT (SELECT count(*) FROM chat_webhook_queue WHERE status = 'answered') AS answered,
      (SELECT count(*) FROM chat_reply_outbox) AS unpublished`;
    const [row] = await stack.database.query<{ answered: number; unpublished: number }>({ name: "", text }, []);
    return row?.answered === count && row.unpublished === 0;
  });
}

/** What is done every so often, whatever the messages. */
const REGULAR = new Set([
  "dispatcher-report",
  "expire-replies",
  "outbox-count",
  "outbox-take-replies",
  "renew-leases",
  "sweep-deliveries",
]);

/** What is done for messages, though not for each: five times a second at most, in each process that has something to mark. */
const MARKS = ["outbox-mark-tokens", "outbox-remove-replies"];
const MARK_EVERY_MS = 200;
const PULL_EXPIRES_MS = 2_000;

function statements(): Record<string, number> {
  return Object.fromEntries([...postgres.counts].filter(([name]) => !REGULAR.has(name) && !MARKS.includes(name)));
}

/** At most as often as a clock would do it, in each process that may have something to mark. */
function expectFewMarks(elapsedMs: number): void {
  const most = 3 * Math.ceil(elapsedMs / MARK_EVERY_MS + 1);
  expect(MARKS.filter((name) => (postgres.counts.get(name) ?? 0) > most)).toEqual([]);
}

/** A pull asks for as many tokens as there are free lanes, and one is open while there is nothing to do. */
function expectFewPulls(elapsedMs: number): void {
  const pulls = [...nats.counts].filter(([subject]) => subject.startsWith("$JS.API.CONSUMER.MSG.NEXT."));
  const count = pulls.reduce((sum, [, pulled]) => sum + pulled, 0);
  expect(count).toBeLessThanOrEqual(TOGETHER / 4 + elapsedMs / PULL_EXPIRES_MS);
}

/** Publishes by the kind of their subject. */
function publishes(): Record<string, number> {
  const kinds: Record<string, number> = {};
  for (const [subject, count] of nats.counts) {
    if (subject.startsWith("$JS.API.")) continue; // fetches, and looks at how the stream stands: every so often
    const kind = subject.replace(/^\$JS\.ACK\..*/, "acknowledgement").replace(/[0-9a-f-]{36}/, "<session>");
    kinds[kind] = (kinds[kind] ?? 0) + count;
  }
  return kinds;
}

test("a message on its own: four statements, each a commit, and five publishes", async () => {
  const one = await stack.visitor();
  postgres.reset();
  for (let sent = 1; sent <= COUNT; sent += 1) {
    await one.send(`message ${sent}`);
    await untilAnswered(sent);
  }
  expect(statements()).toEqual({
    "accept-message": COUNT,
    "claim-delivery": COUNT,
    "find-session-by-token": 1, // known from then on
    "record-reply": COUNT,
    "settle-delivery": COUNT,
  });
  const { acknowledgement = 0, ...others } = publishes();
  // A dispatcher also says now and then that what it has is under way.
  expect([COUNT, COUNT + 1]).toContain(acknowledgement);
  expect(others).toEqual({
    "chat.live.<session>.change": 3 * COUNT,
    "chat.message.sent.<session>": COUNT,
    "chat.reply.<session>": COUNT,
  });
});

test("messages that come together share their commits, marks and pulls", async () => {
  const visitors = await Promise.all(Array.from({ length: TOGETHER }, () => stack.visitor()));
  postgres.reset();
  nats.reset();
  const startedAtMs = performance.now();
  await Promise.all(visitors.map((one) => one.send("at the same time")));
  await untilAnswered(COUNT + TOGETHER);
  const elapsedMs = performance.now() - startedAtMs;
  const counted = statements();
  const grouped = ["accept-message", "claim-delivery", "settle-delivery"];
  expect(grouped.filter((name) => (counted[name] ?? 0) > TOGETHER / 4)).toEqual([]);
  expectFewMarks(elapsedMs);
  expectFewPulls(elapsedMs);
  const { acknowledgement = 0, ...others } = publishes();
  expect(acknowledgement).toBeLessThanOrEqual(TOGETHER + 2 * 32);
  const most = (kind: string) => (kind.endsWith(".change") ? 3 * TOGETHER : TOGETHER);
  expect(Object.entries(others).filter(([kind, count]) => count > most(kind))).toEqual([]);
});
