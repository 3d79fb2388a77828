import { startStack, type Stack } from "@chat-relay/testkit/stack";
import { tapNats, tapPostgres, type ProtocolTap } from "@chat-relay/testkit/protocol-tap";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

let cleanup: AsyncDisposableStack;
let stack: Stack;
let postgres: ProtocolTap;
let nats: ProtocolTap;

// They count too, and are not in the way.
const LIMITS = {
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
  "outbox-mark-tokens", // five times a second at most, as its neighbour
  "outbox-remove-replies",
  "outbox-take-replies",
  "renew-leases",
  "sweep-deliveries",
]);

function statements(): Record<string, number> {
  return Object.fromEntries([...postgres.counts].filter(([name]) => !REGULAR.has(name)));
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

const COUNT = 20;

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

test("messages that come together share their commits", async () => {
  const visitors = await Promise.all(Array.from({ length: 100 }, () => stack.visitor()));
  postgres.reset();
  await Promise.all(visitors.map((one) => one.send("at the same time")));
  await untilAnswered(COUNT + visitors.length);
  const counted = statements();
  const grouped = ["accept-message", "claim-delivery", "settle-delivery"];
  expect(grouped.filter((name) => (counted[name] ?? 0) > visitors.length / 2)).toEqual([]);
});
