import { newId } from "@chat-relay/core/ids";
import { SEND_PATH, SESSION_PATH, sendOnce, unwatchedVisitor, visitorHeaders } from "../rig/edge-client.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import type { Visitor } from "../rig/load.ts";
import { TEXT_CANARY } from "../rig/product-env.ts";
import { problemOf, rawRequest, type RawAnswer, type RawRequest } from "../rig/raw-http.ts";
import { snapshotTables } from "../rig/table-snapshot.ts";
import { mustHold } from "../rig/violation.ts";
import { untilQuiet } from "../rig/until-quiet.ts";

/** Who may see what, by the names that reports and controls use. */
export const ACCESS_INVARIANTS = {
  refused: "a token opens its own session and no other",
  same: "the refusal is the same whether the session exists or not",
  nothing: "a refusal holds nothing of another session, and changes nothing",
} as const;

type Headers = Record<string, string>;

const JSON_TYPE = { "content-type": "application/json" };
const get = (path: string, headers: Headers): RawRequest => ({ method: "GET", path, headers });
const send = (body: object | string, headers: Headers, query = ""): RawRequest => ({
  path: `${SEND_PATH}${query}`,
  headers: { ...JSON_TYPE, ...headers },
  body: typeof body === "string" ? body : JSON.stringify(body),
});

/** All ways to name a session that is not the token's. */
function reaches(id: string, own: string, headers: Headers): Record<string, RawRequest> {
  const content = `sneaked in ${TEXT_CANARY}`;
  return {
    stream: get(`/api/chat/stream/${id}`, headers),
    history: get(`/api/chat/messages/${id}`, headers),
    "history in capitals": get(`/api/chat/messages/${id.toUpperCase()}`, headers),
    "history, encoded": get(`/api/chat/messages/%${id.charCodeAt(0).toString(16)}${id.slice(1)}`, headers),
    "history with a slash": get(`/api/chat/messages/${own}%2f..%2f${id}`, headers),
    session: get(`${SESSION_PATH}?sessionId=${id}`, headers),
    "session, twice": get(`${SESSION_PATH}?sessionId=${own}&sessionId=${id}`, headers),
    end: { method: "DELETE", path: `${SESSION_PATH}?sessionId=${id}`, headers },
    "end, in the body": {
      method: "DELETE",
      path: SESSION_PATH,
      headers: { ...JSON_TYPE, ...headers },
      body: JSON.stringify({ sessionId: id }),
    },
    send: send({ sessionId: id, content }, headers),
    "send, twice": send(`{"sessionId":"${own}","sessionId":"${id}","content":"${content}"}`, headers),
    "send, in the query": send({ sessionId: own, content }, headers, `?sessionId=${id}`),
    "a session of one's choice": {
      path: SESSION_PATH,
      headers: { ...JSON_TYPE, ...headers },
      body: JSON.stringify({ sessionId: id }),
    },
    "a session of one's choice, by metadata": send({ sessionId: id, content, metadata: { sessionId: own } }, headers),
    "another cursor": get(`/api/chat/messages/${own}?before=${id}`, headers),
  };
}

interface Tried {
  name: string;
  answer: RawAnswer;
}

async function tryAll({ world, random }: Trial, requests: Record<string, RawRequest>): Promise<Tried[]> {
  const tries = Object.entries(requests).map(async ([name, request]) => {
    return { name, answer: await rawRequest(random.pick(world.gateways).url, request) };
  });
  return Promise.all(tries);
}

/** Compares what somebody is told of a session that exists and of those that do not. */
async function compare(trial: Trial, existing: string, own: string, headers: Headers, statuses: readonly number[]) {
  const seen = await tryAll(trial, reaches(existing, own, headers));
  mustHold(
    ACCESS_INVARIANTS.refused,
    seen.flatMap(({ name, answer }) =>
      statuses.includes(answer.status) ? [] : [`${name}: ${answer.status} ${answer.text}`],
    ),
  );
  mustHold(
    ACCESS_INVARIANTS.nothing,
    seen.flatMap(({ name, answer }) =>
      answer.text.includes(existing) || answer.text.includes(TEXT_CANARY) ? [`${name}: ${answer.text}`] : [],
    ),
  );
  const guessed = await tryAll(trial, reaches(newId(), own, headers));
  const shape = ({ answer }: Tried) =>
    JSON.stringify([answer.status, answer.headers.get("content-length"), problemOf(answer)]);
  mustHold(
    ACCESS_INVARIANTS.same,
    seen.flatMap((one, index) => {
      const other = guessed[index] as Tried;
      return shape(one) === shape(other) ? [] : [`${one.name}: ${one.answer.text} but ${other.answer.text}`];
    }),
  );
}

async function finished(trial: Trial, how: "end" | "expire"): Promise<Visitor> {
  const gateway = trial.random.pick(trial.world.gateways);
  const visitor = await unwatchedVisitor(gateway);
  const text = "UPDATE chat_session SET expires_at = now() - interval '1 second' WHERE id = $1";
  if (how === "expire") await trial.world.database.query({ name: "faults-expire", text }, [visitor.sessionId]);
  else await rawRequest(gateway.url, { method: "DELETE", path: SESSION_PATH, headers: visitorHeaders(visitor) });
  return visitor;
}

async function forbidden(trial: Trial, mine: Visitor, theirs: Visitor): Promise<void> {
  const statuses = [400, 403, 404];
  await compare(trial, theirs.sessionId, mine.sessionId, visitorHeaders(mine), statuses);
  for (const headers of [
    {},
    { authorization: `Bearer ${"A".repeat(43)}` },
    { authorization: `Bearer ${theirs.sessionId}` },
    { cookie: `sessionToken=${theirs.sessionToken}` },
  ] as Headers[]) {
    await compare(trial, theirs.sessionId, mine.sessionId, headers, [400, 401, 404]);
  }
  for (const how of ["end", "expire"] as const) {
    const gone = await finished(trial, how);
    await compare(trial, theirs.sessionId, gone.sessionId, visitorHeaders(gone), [400, 404, 410]);
    const own = await tryAll(trial, reaches(gone.sessionId, gone.sessionId, visitorHeaders(gone)));
    const open = own.filter(({ answer }) => ![400, 404, 410].includes(answer.status));
    mustHold(
      ACCESS_INVARIANTS.refused,
      open.map(({ name, answer }) => `${name} of a session that is over: ${answer.status}`),
    );
  }
  const inUrl = get(
    `/api/chat/messages/${theirs.sessionId}?token=${theirs.sessionToken}&access_token=${theirs.sessionToken}`,
    {},
  );
  const [answer] = await tryAll(trial, { "a token in the URL": inUrl });
  mustHold(
    ACCESS_INVARIANTS.refused,
    answer?.answer.status === 401 ? [] : [`a token in the URL: ${answer?.answer.status ?? 0}`],
  );
}

/** Visitors who try other visitors' sessions. */
export const ACCESS_CASES: FaultCase[] = [
  {
    name: "other visitors' sessions, by every way to name one: refused the same whether they exist or not",
    async run(trial) {
      const { world, load } = trial;
      const [mine, theirs] = await load.open(2);
      if (mine === undefined || theirs === undefined) return;
      for (const visitor of [mine, theirs]) await load.send(visitor);
      await untilQuiet(trial);
      const sessionsOf = async () => ({ ...(await snapshotTables(world)), chat_session: "" }); // new ones are made here
      const before = await sessionsOf();
      await forbidden(trial, mine, theirs);
      const after = await sessionsOf();
      mustHold(
        ACCESS_INVARIANTS.nothing,
        JSON.stringify(before) === JSON.stringify(after) ? [] : ["something stored has changed"],
      );
      for (const visitor of [mine, theirs]) await load.send(visitor);
      const own = await sendOnce(trial.random.pick(world.gateways), mine, { content: "" });
      mustHold(ACCESS_INVARIANTS.refused, own.status === 400 ? [] : [`one's own session: ${own.status}`]);
    },
  },
];
