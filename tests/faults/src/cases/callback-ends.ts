import type { ChatMessage } from "@chat-relay/core/message";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { postCallback, taken } from "../rig/callback-client.ts";
import { sendOnce, unwatchedVisitor, visitorHeaders } from "../rig/edge-client.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import type { Visitor } from "../rig/load.ts";
import { TEXT_CANARY } from "../rig/product-env.ts";
import { rawRequest } from "../rig/raw-http.ts";
import { mustHold } from "../rig/violation.ts";

/** What holds for sessions that are over, by the name that reports use. */
const OVER = "a session that is over still takes its replies, and nobody reads or writes it with its token";

const EXPIRE = {
  name: "faults-expire-session",
  text: "UPDATE chat_session SET expires_at = now() - interval '1 second' WHERE id = $1",
};

async function end({ world }: Trial, visitor: Visitor): Promise<void> {
  const gateway = world.gateways[0]?.url ?? "";
  await rawRequest(gateway, { method: "DELETE", path: "/api/chat/session", headers: visitorHeaders(visitor) });
}

async function expire({ world }: Trial, { sessionId }: Visitor): Promise<void> {
  await world.database.query(EXPIRE, [sessionId]);
}

async function wholeSession({ world }: Trial, { sessionId }: Visitor): Promise<ChatMessage[]> {
  return (await world.admin<{ messages: ChatMessage[] }>(`/sessions/${sessionId}`)).messages;
}

/** A message that n8n has taken and not answered, in a session that is over then. */
async function overWithMessage(trial: Trial, over: (trial: Trial, visitor: Visitor) => Promise<void>) {
  const { world, random } = trial;
  const visitor = await unwatchedVisitor(random.pick(world.gateways));
  const answer = await sendOnce(random.pick(world.gateways), visitor, { content: `hello ${TEXT_CANARY}` });
  const { id } = JSON.parse(answer.text) as ChatMessage;
  await waitFor("n8n to take it", async () => (await wholeSession(trial, visitor))[0]?.status === "delivered");
  await over(trial, visitor);
  return { visitor, messageId: id };
}

async function reply({ world, random }: Trial, { sessionId }: Visitor, replyTo?: string): Promise<void> {
  const id = `late-${replyTo ?? "unasked"}-${random.int(1e9)}`;
  const body = { sessionId, content: `late ${TEXT_CANARY}`, ...(replyTo === undefined ? {} : { replyTo }) };
  const first = taken(await postCallback(random.pick(world.receivers), { id, body }));
  const again = taken(await postCallback(random.pick(world.receivers), { id, body }));
  mustHold(OVER, again.duplicate && again.messageId === first.messageId ? [] : ["a repeat became another reply"]);
}

async function checkOver(trial: Trial, visitor: Visitor): Promise<void> {
  const messages = await wholeSession(trial, visitor);
  const seen = messages.map(({ role, status, sequence }) => `${sequence} ${role} ${status}`).join(", ");
  mustHold(OVER, seen === "1 user answered, 2 assistant received, 3 assistant received" ? [] : [`it holds ${seen}`]);
  const gateway = trial.random.pick(trial.world.gateways);
  const sent = await sendOnce(gateway, visitor, { content: `more ${TEXT_CANARY}` });
  const read = await rawRequest(gateway.url, {
    method: "GET",
    path: `/api/chat/messages/${visitor.sessionId}`,
    headers: visitorHeaders(visitor),
  });
  mustHold(
    OVER,
    [sent, read].flatMap(({ status, text }) => (status === 410 ? [] : [`${status} ${text}`])),
  );
}

/** Replies that come when the visitor has gone. */
export const CALLBACK_END_CASES: FaultCase[] = [
  {
    name: "ended and expired sessions still take their replies, once, and are 410 for their visitors",
    async run(trial) {
      trial.world.n8n.answerWith(() => ({ body: { message: "Workflow was started" } }));
      for (const over of [end, expire]) {
        const { visitor, messageId } = await overWithMessage(trial, over);
        await reply(trial, visitor, messageId);
        await reply(trial, visitor);
        await checkOver(trial, visitor);
      }
    },
  },
];
