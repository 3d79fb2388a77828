import type { ChatMessage } from "@chat-relay/core/message";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { messageIdOf } from "../rig/bot.ts";
import { SEND_PATH, sendOnce, startSession, visitorHeaders } from "../rig/edge-client.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import { HARD_TEXTS, mended, type HardText } from "../rig/hard-texts.ts";
import type { Expected, Visitor } from "../rig/load.ts";
import { TEXT_CANARY } from "../rig/product-env.ts";
import { exchange, rawRequest, requestBytes, type RawAnswer, type RawRequest } from "../rig/raw-http.ts";
import { untroubled } from "../rig/trouble-logs.ts";
import { mustHold } from "../rig/violation.ts";

/** How the gateway takes whatever browsers send, by the names that reports and controls use. */
export const EDGE_BODY_INVARIANTS = {
  told: "a request that cannot be taken is refused with what is wrong, never with 500",
  asSent: "a visitor's text goes as it was sent to n8n and back, and what cannot be stored is refused",
  mended: "text of n8n that cannot be stored is shown with U+FFFD in its place",
  plain: "what is in one request is in no other",
} as const;

interface Hostile {
  body: string | Buffer | ((sessionId: string) => string | Buffer);
  headers?: RawRequest["headers"];
  statuses: readonly number[];
}

const ANSWERED: Expected = { status: "answered", replies: 1 };
const nested = (open: string, close: string, depth: number) => open.repeat(depth) + close.repeat(depth);
const json = (fields: string) => (sessionId: string) =>
  `{"sessionId":"${sessionId}","content":"odd ${TEXT_CANARY}"${fields}}`;
const typed = (type: string | readonly string[] | undefined, ...statuses: number[]): Hostile => ({
  body: json(""),
  headers: { "content-type": type },
  statuses,
});
const refused = (body: Hostile["body"], status = 400): Hostile => ({ body, statuses: [status] });

/** Sent as messages, and but for the types as requests for a session too. */
const HOSTILE_SENDS: Record<string, Hostile> = {
  "1 MiB": refused(json(`,"x":"${"x".repeat(1_024 * 1_024)}"`), 413),
  "arrays 10,000 deep": refused(json(`,"metadata":{"a":${nested("[", "]", 10_000)}}`)),
  "objects 10,000 deep": refused(json(`,"metadata":${nested('{"a":', "}", 10_000).replace("}", "1}")}`)),
  "nothing but brackets": refused("[".repeat(60_000)),
  "as many fields as there is room for": refused(
    json(Array.from({ length: 5_000 }, (_, index) => `,"x${index}":1`).join("")),
  ),
  "truncated JSON": refused((id) => json("")(id).slice(0, -3)),
  nothing: refused(""),
  null: refused("null"),
  "an array": refused((id) => `[${json("")(id)}]`),
  "fields inherited from __proto__": refused((id) => `{"__proto__":${json("")(id)}}`),
  "__proto__ beside": refused(json(',"__proto__":{"polluted":true}')),
  "__proto__ in metadata": refused(json(',"metadata":{"__proto__":{"polluted":true}}')),
  "an escaped __proto__": refused(json(String.raw`,"\u005f_proto__":{"polluted":true}`)),
  "constructor.prototype": refused(json(',"constructor":{"prototype":{"polluted":true}}')),
  "constructor.prototype in metadata": refused(json(',"metadata":{"constructor":{"prototype":{"polluted":true}}}')),
  "the same key twice": { body: json(',"content":"the last one"'), statuses: [202, 400] },
  "another's session, and then one's own": {
    body: (id) => `{"sessionId":"01a204da-05d2-7348-8179-58e517fc07b1",${json("")(id).slice(1)}`,
    statuses: [202, 403],
  },
  "an endless number": refused(json(',"metadata":{"a":1e400}')),
  "no UTF-8": refused((id) =>
    Buffer.concat([Buffer.from(json("")(id).slice(0, -2)), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')]),
  ),
  "UTF-16": refused((id) => Buffer.from(json("")(id), "utf16le")),
  "a byte order mark": { body: (id) => `\uFEFF${json("")(id)}`, statuses: [202, 400] },
  "content of another kind": refused((id) => `{"sessionId":"${id}","content":{"$ne":null}}`),
  "a session of another kind": { body: '{"sessionId":["a"],"content":"x"}', statuses: [400, 403] },
  "compressed, it says": { body: json(""), headers: { "content-encoding": "gzip" }, statuses: [202, 400, 415] },
  "another key in header and body": {
    body: json(',"clientMessageId":"a"'),
    headers: { "idempotency-key": "b" },
    statuses: [400],
  },
  "a key of 65": { body: json(""), headers: { "idempotency-key": "k".repeat(65) }, statuses: [400] },
  "a key beyond ASCII": { body: json(""), headers: { "idempotency-key": "k\u00e9" }, statuses: [400] },
  "two keys": { body: json(""), headers: { "idempotency-key": ["a", "b"] }, statuses: [202, 400] },
  "text/plain": typed("text/plain", 415),
  "application/jsonp": typed("application/jsonp", 415),
  "a form": typed("application/x-www-form-urlencoded", 415),
  "no type": typed(undefined, 415),
  "two types": typed(["application/json", "text/plain"], 202, 415),
  "application/json with a tab": typed("application/json\t;", 202, 415),
  "application/json with a tab and no parameter": typed("application/json\t", 202, 415),
};

const ODD_PATHS = [
  "/api/chat/messages/%00",
  "/api/chat/messages/%ED%A0%80",
  "/api/chat/messages/%zz",
  "/api/chat/messages/..%2f..%2fadmin%2fqueue",
  "/api/chat/messages/own?limit=0x10",
  "/api/chat/messages/own?limit=%00",
  "/api/chat/messages/own?limit=5&limit=6",
  "/api/chat/messages/own?before=%00",
  "/api/chat/messages/own?before=a&after=b",
  "/api/chat/messages/own?__proto__=1",
  "/api/chat/messages/own?before[a]=1",
  `/api/chat/messages/own?after=${"9".repeat(5_000)}`,
  "/api/chat/session?sessionId=%00",
  "/api/chat/session?constructor=1",
];

async function postHostile(
  { world, load, random }: Trial,
  visitor: Visitor,
  name: string,
  hostile: Hostile,
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
  const body = json("")(visitor.sessionId);
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
  const wanted = mended(text.slice(0, 100)).trim().slice(0, 50).toWellFormed();
  const kept = error.isWellFormed() && !error.includes("\u0000") && error.startsWith("n8n answered 410");
  mustHold(
    EDGE_BODY_INVARIANTS.mended,
    kept ? [] : [`${name}, wanted ${wanted}: ${JSON.stringify(error).slice(0, 200)}`],
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
      const { message } = await load.send(other);
      mustHold(
        EDGE_BODY_INVARIANTS.plain,
        JSON.stringify(message).includes("polluted") ? [JSON.stringify(message)] : [],
      );
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
