import type { ChatMessage } from "@chat-relay/core/message";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { messageIdOf } from "../rig/bot.ts";
import { checkPollution } from "../rig/check-pollution.ts";
import { SEND_PATH, sendOnce, startSession, visitorHeaders } from "../rig/edge-client.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import { HARD_TEXTS, mended, type HardText } from "../rig/hard-texts.ts";
import type { Expected, Visitor } from "../rig/load.ts";
import { exchange, rawRequest, requestBytes, type RawAnswer } from "../rig/raw-http.ts";
import { untroubled } from "../rig/trouble-logs.ts";
import { mustHold } from "../rig/violation.ts";
import { HOSTILE_SENDS, ODD_PATHS, sendWith, type HostileSend } from "./edge-hostile-sends.ts";

/** How the gateway takes whatever browsers send, by the names that reports and controls use. */
export const EDGE_BODY_INVARIANTS = {
  told: "a request that cannot be taken is refused with what is wrong, never with 500",
  asSent: "a visitor's text goes as it was sent to n8n and back, and what cannot be stored is refused",
  mended: "text of n8n that cannot be stored is shown with U+FFFD in its place",
  plain: "what is in one request is in no other",
} as const;

/** Less than is kept of any refusal. */
const EXCERPT_CHARS = 50;
const ANSWERED: Expected = { status: "answered", replies: 1 };

async function postHostile(
  { world, load, random }: Trial,
  visitor: Visitor,
  name: string,
  hostile: HostileSend,
): Promise<string[]> {
  const body = typeof hostile.body === "function" ? hostile.body(visitor.sessionId) : hostile.body;
  const extra = hostile.headers === undefined ? {} : { headers: hostile.headers };
  const answer = await sendOnce(random.pick(world.gateways), visitor, body, extra);
  if (answer.status === 202) {
    const message = JSON.parse(answer.text) as ChatMessage;
    const own = message.sessionId === visitor.sessionId && Object.keys(message.metadata).length === 0;
    mustHold(EDGE_BODY_INVARIANTS.plain, own ? [] : [answer.text]);
    load.accepted.push({ message, expected: ANSWERED, tookMs: answer.tookMs });
  }
  return hostile.statuses.includes(answer.status) ? [] : [`${name}: ${answer.status} ${answer.text.slice(0, 200)}`];
}

const isRefused = ({ status }: RawAnswer) => status >= 400 && status < 500;

async function postUnending({ world }: Trial, visitor: Visitor): Promise<string[]> {
  const gateway = world.gateways[0]?.url ?? "";
  const body = sendWith("")(visitor.sessionId);
  const headers = { "content-type": "application/json", ...visitorHeaders(visitor) };
  const chunked = { path: SEND_PATH, headers: { ...headers, "transfer-encoding": "chunked" } };
  const requests: Record<string, Buffer> = {
    "chunks without end": requestBytes({ ...chunked, body: `${body.length.toString(16)}\r\n${body}\r\n` }),
    "a chunk of a size that is none": requestBytes({ ...chunked, body: `zz\r\n${body}\r\n0\r\n\r\n` }),
    "less than announced": requestBytes({ path: SEND_PATH, headers: { ...headers, "content-length": "9999" }, body }),
    "a length and chunks": requestBytes({
      ...chunked,
      headers: { ...chunked.headers, "content-length": "5" },
      body: "0\r\n\r\n",
    }),
    "headers without end": Buffer.concat([
      requestBytes({ path: SEND_PATH, headers }).subarray(0, -2),
      Buffer.from("x: y\r\n".repeat(5_000)),
    ]),
  };
  const posts = Object.entries(requests).map(async ([name, bytes]) => ({
    name,
    answer: await exchange(gateway, bytes),
  }));
  return (await Promise.all(posts)).flatMap(({ name, answer }) =>
    isRefused(answer) ? [] : [`${name}: ${answer.status} ${answer.text}`],
  );
}

async function readOddly({ world, random }: Trial, visitor: Visitor): Promise<string[]> {
  const reads = ODD_PATHS.map(async (path) => {
    const own = path.replace("own", visitor.sessionId);
    const answer = await rawRequest(random.pick(world.gateways).url, {
      method: "GET",
      path: own,
      headers: visitorHeaders(visitor),
    });
    return isRefused(answer) ? [] : [`${path}: ${answer.status} ${answer.text.slice(0, 200)}`];
  });
  return (await Promise.all(reads)).flat();
}

async function openOddly({ world, random }: Trial): Promise<string[]> {
  const opens = HARD_TEXTS.filter(({ text }) => text.length < 500).map(async ({ name, text, storable }) => {
    const answer = await startSession(random.pick(world.gateways), { metadata: { [text]: text } });
    const { metadata = {} } = JSON.parse(answer.text) as { metadata?: Record<string, unknown> };
    const right = storable ? answer.status === 201 && metadata[text] === text : answer.status === 400;
    return right ? [] : [`metadata with ${name}: ${answer.status} ${answer.text.slice(0, 200)}`];
  });
  return (await Promise.all(opens)).flat();
}

/** Sends the text and lets n8n say it back; what may not be sent is only said by n8n. */
async function thereAndBack(trial: Trial, visitor: Visitor, { name, text, storable }: HardText): Promise<void> {
  const { world, load, calls, random } = trial;
  const refusal = storable ? undefined : await sendOnce(random.pick(world.gateways), visitor, { content: text });
  if (refusal !== undefined)
    mustHold(EDGE_BODY_INVARIANTS.asSent, refusal.status === 400 ? [] : [`${name}: ${refusal.status}`]);
  const { message } = await load.send(visitor, { content: storable ? text : `say: ${name}` });
  const history = await waitFor(`the reply to ${name}`, async () => {
    const seen = await load.history(visitor);
    return seen.length === 2 && seen;
  });
  const told = (calls.find((call) => messageIdOf(call) === message.id)?.body as { chatInput?: unknown } | undefined)
    ?.chatInput;
  const same = !storable || (message.content === text && history[0]?.content === text && told === text);
  mustHold(EDGE_BODY_INVARIANTS.asSent, same ? [] : [`${name} became ${JSON.stringify(told)?.slice(0, 100)}`]);
  const reply = history[1]?.content;
  mustHold(
    EDGE_BODY_INVARIANTS.mended,
    reply === mended(text) ? [] : [`${name} is shown as ${JSON.stringify(reply)?.slice(0, 100)}`],
  );
}

/** At most so many characters, none of them cut in half. */
function firstOf(text: string, characters: number): string {
  return Array.from(text).slice(0, characters).join("");
}

/** n8n refuses with the text: what is kept of it begins as the text does. */
async function failWith(trial: Trial, { name, text }: HardText): Promise<void> {
  const { load, world } = trial;
  const [visitor] = await load.open(1);
  if (visitor === undefined) throw new Error("no session");
  const { message } = await load.send(visitor, {
    content: `fail: ${name}`,
    expected: { status: "failed", replies: 0 },
  });
  const error = await waitFor(`the failure for ${name}`, async () => {
    const { attempts } = await world.admin<{ attempts: { error: string | null }[] }>(`/deliveries/${message.id}`);
    return attempts[0]?.error;
  });
  const wanted = `n8n answered 410: ${firstOf(mended(text).trim(), EXCERPT_CHARS)}`;
  const kept = error.isWellFormed() && !error.includes("\u0000") && error.startsWith(wanted);
  mustHold(
    EDGE_BODY_INVARIANTS.mended,
    kept ? [] : [`${name}, wanted ${JSON.stringify(wanted)}: ${JSON.stringify(error).slice(0, 200)}`],
  );
}

const byName = (prefix: string, chatInput: string) =>
  HARD_TEXTS.find(({ name }) => chatInput === `${prefix}: ${name}`)?.text;

/** Requests that no page of ours would send, and texts that any visitor may. */
export const EDGE_BODY_CASES: FaultCase[] = [
  {
    name: "requests of every odd kind: 4xx or taken, never 500, and the session goes on",
    async run(trial) {
      const { world, load } = trial;
      const [visitor, other] = await load.open(2);
      if (visitor === undefined || other === undefined) return;
      await untroubled(world, async () => {
        const posts = Object.entries(HOSTILE_SENDS).map(([name, hostile]) =>
          postHostile(trial, visitor, name, hostile),
        );
        mustHold(EDGE_BODY_INVARIANTS.told, (await Promise.all(posts)).flat());
        mustHold(EDGE_BODY_INVARIANTS.told, await postUnending(trial, visitor));
        mustHold(EDGE_BODY_INVARIANTS.told, await readOddly(trial, visitor));
        mustHold(EDGE_BODY_INVARIANTS.told, await openOddly(trial));
      });
      await checkPollution(world.services);
      await load.send(other);
    },
  },
  {
    name: "texts of every odd kind, in chat, replies and errors: as sent, mended or refused, and never PostgreSQL's trouble",
    async run(trial) {
      const { world, load } = trial;
      world.n8n.answerWith((call) => {
        const { chatInput } = call.body as { chatInput: string };
        const failure = byName("fail", chatInput);
        return failure === undefined
          ? { body: { output: byName("say", chatInput) ?? chatInput } }
          : { status: 410, body: failure };
      });
      await untroubled(world, async () => {
        const visitors = await load.open(HARD_TEXTS.length);
        await Promise.all(HARD_TEXTS.map((text, index) => thereAndBack(trial, visitors[index] as Visitor, text)));
        await Promise.all(HARD_TEXTS.map((text) => failWith(trial, text)));
      });
    },
  },
];
