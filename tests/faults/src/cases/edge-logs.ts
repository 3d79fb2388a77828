import { callbackRequest, postCallback } from "../rig/callback-client.ts";
import { sendOnce, SESSION_PATH, startSession, unwatchedVisitor, visitorHeaders } from "../rig/edge-client.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import type { Visitor } from "../rig/load.ts";
import { ADMIN_TOKEN, IDENTITY_SECRET, TEXT_CANARY, WEBHOOK_SECRET } from "../rig/product-env.ts";
import { untilTerminal } from "../rig/ledger.ts";
import { exchange, rawRequest, type RawAnswer } from "../rig/raw-http.ts";
import { mustHold } from "../rig/violation.ts";
import type { FakeAnswer, FakeCall } from "@chat-relay/testkit/fake-n8n";
import { waitFor } from "@chat-relay/testkit/wait-for";
import type { ServerResponse } from "node:http";

/** Without which the search for secrets in the logs would mean nothing. */
const LOGGED = "the services log at the level that was asked for, and log what was provoked";

const SECRETS = [TEXT_CANARY, ADMIN_TOKEN, IDENTITY_SECRET, WEBHOOK_SECRET];

/** Secrets where they do not belong: other headers, the URL, bodies that cannot be read. */
async function misplaced({ world, random }: Trial, visitor: Visitor): Promise<void> {
  const service = random.pick(world.gateways);
  const gateway = service.url;
  const token = visitorHeaders(visitor);
  const works = [...SECRETS, visitor.sessionToken].flatMap((secret) => {
    const headers = {
      authorization: `Basic ${secret}`,
      cookie: `token=${secret}`,
      "user-agent": secret,
      referer: `https://shop.example/?${secret}`,
      "x-api-key": secret,
      traceparent: secret,
      "x-request-id": `${secret}!`,
    };
    const encoded = encodeURIComponent(secret);
    return [
      rawRequest(gateway, { method: "GET", path: `${SESSION_PATH}?token=${encoded}&sessionId=${encoded}`, headers }),
      rawRequest(gateway, { method: "GET", path: `/api/chat/messages/${encoded}?before=${encoded}`, headers: token }),
      rawRequest(gateway, {
        method: "GET",
        path: `/${encoded}`,
        headers: { ...headers, authorization: `Bearer ${secret}` },
      }),
      rawRequest(gateway, { method: "GET", path: `/%zz${encoded}`, headers }),
      rawRequest(gateway, { method: encoded.slice(0, 8).toUpperCase(), path: `/${encoded}`, headers }),
      rawRequest(gateway, {
        method: "GET",
        path: "/api/chat/admin/queue",
        headers: { authorization: `Bearer ${secret}x` },
      }),
      rawRequest(gateway, {
        path: `/api/chat/admin/deliveries/${encoded}/replay`,
        headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
      }),
      exchange(gateway, Buffer.from(`GET /${secret} HTTP/1.1\r\nhost: a\r\n${secret}\r\n\r\n`)),
      exchange(gateway, Buffer.from(`${secret}\r\n\r\n`)),
      startSession(service, { userToken: secret }),
      startSession(service, `{"userToken": "${secret}`),
      startSession(service, { [secret]: secret }),
      sendOnce(service, visitor, { content: 7, [secret]: secret }),
      sendOnce(service, visitor, `{"content":"${secret}`),
      sendOnce(service, visitor, { content: secret.repeat(400) }),
      sendOnce(service, visitor, secret, {
        headers: { "content-type": `text/${secret.slice(0, 20)}` },
      }),
    ];
  });
  await Promise.all(works);
}

async function forgedCallbacks({ world }: Trial, { sessionId }: Visitor): Promise<void> {
  const receiver = world.receivers[0];
  if (receiver === undefined) return;
  const works = SECRETS.flatMap((secret) => [
    postCallback(receiver, {
      id: "forged",
      body: { sessionId, content: secret },
      key: Buffer.from("another-secret-altogether"),
    }),
    postCallback(receiver, { id: `${secret} x`, body: secret }),
    postCallback(receiver, {
      id: "forged",
      body: secret,
      headers: { "webhook-signature": secret, authorization: secret, "webhook-timestamp": secret },
    }),
    postCallback(receiver, { id: "malformed", body: `{"content":"${secret}` }),
    postCallback(receiver, {
      id: "invalid",
      body: { sessionId: secret, content: secret, replyTo: secret, metadata: [secret] },
    }),
    rawRequest(receiver.url, {
      ...callbackRequest({ id: "url", body: secret }),
      path: `/api/chat/webhook?secret=${encodeURIComponent(secret)}`,
    }),
  ]);
  await Promise.all(works);
}

const BREAKS: ((response: ServerResponse) => FakeAnswer | undefined)[] = [
  () => ({
    status: 500,
    headers: { "x-error": TEXT_CANARY, "set-cookie": WEBHOOK_SECRET.slice(6) },
    body: { message: TEXT_CANARY, secret: ADMIN_TOKEN },
  }),
  () => ({ status: 302, headers: { location: `http://127.0.0.1:9/${TEXT_CANARY}?token=${ADMIN_TOKEN}` } }),
  () => ({ status: 200, headers: { "content-type": "application/json" }, body: `{"output": "${TEXT_CANARY}` }),
  () => ({ status: 200, headers: { "content-encoding": TEXT_CANARY }, body: TEXT_CANARY }),
  () => ({ status: 429, headers: { "retry-after": TEXT_CANARY }, body: TEXT_CANARY }),
  (response) => {
    response.statusMessage = TEXT_CANARY;
    response.writeHead(500, { "content-length": "1000" });
    response.write(TEXT_CANARY);
    setTimeout(() => response.destroy(), 50);
    return undefined;
  },
];

async function failingN8n({ world, load, bot }: Trial): Promise<void> {
  const opened = await load.open(BREAKS.length);
  const breakOf = new Map(opened.map(({ sessionId }, index) => [sessionId, BREAKS[index]]));
  world.n8n.answerWith((call: FakeCall, response) => {
    const answer = breakOf.get((call.body as { sessionId: string }).sessionId);
    return answer === undefined ? { body: { output: `reply ${TEXT_CANARY}` } } : answer(response);
  });
  const sends = opened.map((visitor) =>
    load.send(visitor, { metadata: { card: TEXT_CANARY }, expected: { status: "failed", replies: 0 } }),
  );
  await Promise.all(sends);
  await untilTerminal(world, load, 30_000);
  world.n8n.answerWith(bot.answer);
}

/** PostgreSQL refuses, does not answer, dies in mid-statement, and fails at a statement. */
async function failingPostgres(trial: Trial): Promise<void> {
  const { world, load } = trial;
  const gateway = world.gateways[0];
  if (gateway === undefined) return;
  const visitor = await unwatchedVisitor(gateway); // what was answered 503 may be committed all the same
  const statuses = async (count: number): Promise<RawAnswer[]> =>
    Promise.all(
      Array.from({ length: count }, () =>
        sendOnce(gateway, visitor, { content: `lost ${TEXT_CANARY}`, metadata: { card: TEXT_CANARY } }),
      ),
    );
  const refused: RawAnswer[] = [];
  await gateway.postgres.refuse();
  refused.push(...(await statuses(3)));
  await gateway.postgres.pass();
  gateway.postgres.blackhole();
  refused.push(...(await statuses(3)));
  await gateway.postgres.pass();
  await world.database.transaction(async (query) => {
    await query({ name: "faults-lock", text: "SELECT 1 FROM chat_session WHERE id = $1 FOR UPDATE" }, [
      visitor.sessionId,
    ]);
    refused.push(...(await statuses(3))); // each gives up waiting for the row
  });
  await world.database.query(
    { name: "faults-no-metadata", text: "ALTER TABLE chat_message RENAME COLUMN metadata TO metadata_away" },
    [],
  );
  const failed = await statuses(1);
  await world.database.query(
    { name: "faults-metadata", text: "ALTER TABLE chat_message RENAME COLUMN metadata_away TO metadata" },
    [],
  );
  mustHold(LOGGED, [
    ...refused.filter(({ status }) => status !== 503).map(({ status, text }) => `${status} instead of 503: ${text}`),
    ...failed
      .filter(({ status, text }) => status !== 500 || SECRETS.some((secret) => text.includes(secret)))
      .map(({ status, text }) => `${status} instead of a 500 that says nothing: ${text}`),
  ]);
  await waitFor("the gateway to be ready", async () => (await fetch(`${gateway.url}/readyz`)).ok);
  const from = load.accepted.length;
  const sending = load.steady(30, 30);
  await world.postgres.kill("SIGQUIT");
  await world.postgres.start();
  await sending;
  mustHold(LOGGED, load.accepted.length === from + 30 ? [] : ["not all were accepted"]);
}

/** Secrets and texts wherever something may be tempted to log them; the rig searches all logs after each case. */
export const LOG_CASES: FaultCase[] = [
  {
    name: "secrets and texts in headers, URLs, bodies, failures of n8n and of PostgreSQL, at debug level: none in any log",
    async run(trial) {
      const { world, load } = trial;
      const [visitor] = await load.open(1);
      if (visitor === undefined) throw new Error("no session");
      await misplaced(trial, visitor);
      await forgedCallbacks(trial, visitor);
      await failingN8n(trial);
      await failingPostgres(trial);
      const all = [...world.logs().values()].join("\n");
      const wanted = [
        '"level":"debug"',
        '"callback.refused"',
        '"request.unreadable"',
        '"request.failed"',
        '"request.unavailable"',
        '"level":"warn"',
      ];
      mustHold(
        LOGGED,
        wanted.filter((text) => !all.includes(text)).map((text) => `${text} is nowhere`),
      );
    },
  },
];
