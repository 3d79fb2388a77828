import { waitFor } from "@chat-relay/testkit/wait-for";
import { callbackRequest, postCallback, taken, type Callback } from "../rig/callback-client.ts";
import { checkPollution } from "../rig/check-pollution.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import { HARD_TEXTS, mended } from "../rig/hard-texts.ts";
import type { Visitor } from "../rig/load.ts";
import { TEXT_CANARY } from "../rig/product-env.ts";
import { exchange, requestBytes, type RawAnswer } from "../rig/raw-http.ts";
import { untroubled } from "../rig/trouble-logs.ts";
import { mustHold } from "../rig/violation.ts";

/** How signed callbacks are taken whatever is in them, by the names that reports and controls use. */
export const CALLBACK_BODY_INVARIANTS = {
  told: "a signed callback that cannot be taken is refused with what is wrong, never with 500",
  mended: "text of a workflow is shown as it was sent, and what cannot be stored as U+FFFD",
} as const;

interface Hostile {
  body: (sessionId: string) => Callback["body"];
  headers?: Callback["headers"];
  /** One of these; what was taken counts as a reply. */
  statuses: readonly number[];
}

const MIB = 1_024 * 1_024;
/** Too long for metadata. */
const LONG = 500;
const json = (fields: string) => (sessionId: string) =>
  `{"sessionId":"${sessionId}","content":"odd ${TEXT_CANARY}"${fields}}`;
const nested = (open: string, close: string, depth: number) => open.repeat(depth) + close.repeat(depth);
const refused = (body: Hostile["body"]): Hostile => ({ body, statuses: [400] });
const typed = (type: string | readonly string[] | undefined, ...statuses: number[]): Hostile => ({
  body: json(""),
  headers: { "content-type": type },
  statuses,
});

const HOSTILE: Record<string, Hostile> = {
  "1 MiB": { body: json(`,"x":"${"x".repeat(MIB)}"`), statuses: [413] },
  "as many fields as there is room for": {
    body: json(Array.from({ length: 15_000 }, (_, index) => `,"x${index}":1`).join("")),
    statuses: [200],
  },
  "arrays 10,000 deep": refused(json(`,"metadata":{"a":${nested("[", "]", 10_000)}}`)),
  "objects 10,000 deep": refused(json(`,"metadata":${nested('{"a":', "}", 10_000).replace("}", "1}")}`)),
  "ignored arrays 10,000 deep": { body: json(`,"ignored":${nested("[", "]", 10_000)}`), statuses: [200] },
  "nothing but 100,000 brackets": refused(() => "[".repeat(100_000)),
  "truncated JSON": refused((sessionId) => json("")(sessionId).slice(0, -3)),
  "two values": refused((sessionId) => `${json("")(sessionId)} {}`),
  nothing: refused(() => ""),
  null: refused(() => "null"),
  "an array": refused((sessionId) => `[${json("")(sessionId)}]`),
  "a text": refused(() => '"x"'),
  "fields inherited from __proto__": refused((sessionId) => `{"__proto__":${json("")(sessionId)}}`),
  "__proto__ beside": { body: json(',"__proto__":{"polluted":true}'), statuses: [200] },
  "constructor.prototype": { body: json(',"constructor":{"prototype":{"polluted":true}}'), statuses: [200] },
  "__proto__ in metadata": { body: json(',"metadata":{"__proto__":{"polluted":true},"a":1}'), statuses: [200, 400] },
  "duplicate keys": { body: json(',"content":"the last one"'), statuses: [200] },
  "an endless number": refused(json(',"metadata":{"a":1e400}')),
  NaN: refused(json(',"metadata":{"a":NaN}')),
  "no UTF-8": refused((sessionId) =>
    Buffer.concat([Buffer.from(json("")(sessionId).slice(0, -2)), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')]),
  ),
  "NUL between tokens": refused((sessionId) => json("")(sessionId).replace(",", "\u0000,")),
  "a session of another kind": { body: () => '{"sessionId":{"$ne":null},"content":"x"}', statuses: [400] },
  "a session that is SQL": { body: () => `{"sessionId":"' OR 1=1 --","content":"x"}`, statuses: [404] },
  "a session with NUL": { body: () => String.raw`{"sessionId":"\u0000","content":"x"}`, statuses: [404] },
  "a reply to NUL": { body: json(String.raw`,"replyTo":"\u0000"`), statuses: [404] },
  "a reply to a lone surrogate": { body: json(String.raw`,"replyTo":"\ud800"`), statuses: [404] },
  "compressed, it says": { body: json(""), headers: { "content-encoding": "gzip" }, statuses: [200, 400, 415] },
  "text/plain": typed("text/plain", 415),
  "application/jsonp": typed("application/jsonp", 415),
  "no type": typed(undefined, 415),
  "two types": typed(["application/json", "text/plain"], 415),
  "application/json with a tab": typed("application/json\t;", 200, 415),
  "application/json with nonsense": typed("application/json; charset=\u0001", 200, 400, 415),
};

async function postHostile(
  { world, load, random }: Trial,
  visitor: Visitor,
  name: string,
  hostile: Hostile,
): Promise<string[]> {
  const callback = { id: `odd-${random.int(1e9)}-${load.unasked.size}`, body: hostile.body(visitor.sessionId) };
  const whole = hostile.headers === undefined ? callback : { ...callback, headers: hostile.headers };
  const answer = await postCallback(random.pick(world.receivers), whole);
  if (answer.status === 200) load.unasked.set(visitor.sessionId, (load.unasked.get(visitor.sessionId) ?? 0) + 1);
  return hostile.statuses.includes(answer.status) ? [] : [`${name}: ${answer.status} ${answer.text.slice(0, 200)}`];
}

/** Bodies that never come to their end, or not as announced. */
async function postUnending({ world }: Trial, { sessionId }: Visitor): Promise<string[]> {
  const receiver = world.receivers[0]?.url ?? "";
  const request = callbackRequest({ id: "unending", body: json("")(sessionId) });
  const chunked = { ...request, headers: { ...request.headers, "transfer-encoding": "chunked" } };
  const content = String(request.body);
  const bodies: Record<string, Buffer> = {
    "chunks without end": requestBytes({ ...chunked, body: `${content.length.toString(16)}\r\n${content}\r\n` }),
    "a chunk of a size that is none": requestBytes({ ...chunked, body: `zz\r\n${content}\r\n0\r\n\r\n` }),
    "less than announced": requestBytes({ ...request, headers: { ...request.headers, "content-length": "9999" } }),
  };
  const posts = Object.entries(bodies).map(async ([name, bytes]) => ({
    name,
    answer: await exchange(receiver, bytes),
  }));
  const isRefused = ({ status }: RawAnswer) => status >= 400 && status < 500;
  return (await Promise.all(posts)).flatMap(({ name, answer }) =>
    isRefused(answer) ? [] : [`${name}: ${answer.status} ${answer.text}`],
  );
}

/** How long a receiver lets others wait meanwhile. */
async function slowestHealthMs(urls: readonly string[], work: Promise<unknown>): Promise<number> {
  const state = { over: false, slowestMs: 0 };
  const end = work.finally(() => (state.over = true));
  const watch = async () => {
    while (!state.over) {
      const startedAtMs = performance.now();
      await Promise.all(urls.map(async (url) => (await fetch(`${url}/healthz`)).arrayBuffer()));
      state.slowestMs = Math.max(state.slowestMs, performance.now() - startedAtMs);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  await Promise.all([end, watch()]);
  return state.slowestMs;
}

async function shownTexts({ world, load, random }: Trial, visitor: Visitor): Promise<string[]> {
  for (const [index, { text }] of HARD_TEXTS.entries()) {
    const metadata = text.length > LONG ? {} : { [text]: text };
    const callback = {
      id: `hard-${random.int(1e9)}-${index}`,
      body: { sessionId: visitor.sessionId, content: text, metadata },
    };
    taken(await postCallback(random.pick(world.receivers), callback));
  }
  load.unasked.set(visitor.sessionId, HARD_TEXTS.length);
  const shown = await load.history(visitor);
  return HARD_TEXTS.flatMap(({ name, text }, index) => {
    const wanted = mended(text);
    const { content, metadata = {} } = shown[index] ?? {};
    const kept = text.length > LONG || metadata[wanted] === wanted;
    return content === wanted && kept ? [] : [`${name} is shown as ${JSON.stringify(content)?.slice(0, 100)}`];
  });
}

/** Workflows that send what nobody expects, properly signed. */
export const CALLBACK_BODY_CASES: FaultCase[] = [
  {
    name: "bodies of every odd kind, properly signed: 4xx or taken, never 500, and nobody else waits",
    async run(trial) {
      const { world, load, measure } = trial;
      const [visitor] = await load.open(1);
      if (visitor === undefined) throw new Error("no session");
      await untroubled(world, async () => {
        const posting = Promise.all(
          Object.entries(HOSTILE).map(([name, hostile]) => postHostile(trial, visitor, name, hostile)),
        );
        measure(
          "odd bodies, health answered after ms at most",
          await slowestHealthMs(
            world.receivers.map(({ url }) => url),
            posting,
          ),
        );
        mustHold(CALLBACK_BODY_INVARIANTS.told, (await posting).flat());
        mustHold(CALLBACK_BODY_INVARIANTS.told, await postUnending(trial, visitor));
      });
      await checkPollution(world.services);
      await load.send(visitor);
    },
  },
  {
    name: "texts of every odd kind in callbacks: shown as sent, U+0000 and lone surrogates as U+FFFD",
    async run(trial) {
      const [visitor] = await trial.load.open(1);
      if (visitor === undefined) throw new Error("no session");
      await untroubled(trial.world, async () => {
        mustHold(CALLBACK_BODY_INVARIANTS.mended, await shownTexts(trial, visitor));
      });
      await waitFor("the events to be published", async () => {
        const [row] = await trial.world.database.query<{ left: number }>(
          { name: "faults-reply-outbox", text: "SELECT count(*) AS left FROM chat_reply_outbox" },
          [],
        );
        return row?.left === 0;
      });
    },
  },
];
