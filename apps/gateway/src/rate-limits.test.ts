import { waitFor } from "@chat-relay/testkit/wait-for";
import { describe, expect, test } from "vitest";
import type { Answer } from "./testing/test-gateway.ts";
import { useStores } from "./testing/use-stores.ts";

const shared = useStores();
const SEND = "/api/chat/send";

function states(answers: { headers: Record<string, unknown> }[]) {
  return answers.map(({ headers }) => String(headers["ratelimit"]).replace(/t=\d+/, "t"));
}

async function oneByOne<T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let index = 0; index < count; index += 1) results.push(await work(index));
  return results;
}

describe("messages per session", () => {
  test("the limit holds across gateways, says how it stands, and leaves other sessions alone", async () => {
    const env = { CHAT_RATE_LIMIT_MESSAGES: "3/60", CHAT_RATE_LIMIT_SESSIONS: "100/60" };
    const [left, right] = [await shared.stores.gateway(env), await shared.stores.gateway(env)];
    const { id, auth } = await shared.gateway.session();
    const send = (index: number) =>
      (index % 2 === 0 ? left : right).call("POST", SEND, { headers: auth, payload: { sessionId: id, content: "x" } });
    const answers = await oneByOne(4, send);
    expect(answers.map((answer) => answer.statusCode)).toEqual([202, 202, 202, 429]);
    expect(states(answers)).toEqual(['"messages";r=2;t', '"messages";r=1;t', '"messages";r=0;t', '"messages";r=0;t']);
    const refused = answers[3] as Answer;
    expect(refused.data.code).toBe("rate_limited");
    expect(refused.headers["ratelimit-policy"]).toBe('"messages";q=3;w=60');
    expect(refused.headers["retry-after"]).toBe(/t=(\d+)/.exec(String(refused.headers["ratelimit"]))?.[1]);
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
    const other = await shared.gateway.session();
    expect(
      (await left.call("POST", SEND, { headers: other.auth, payload: { sessionId: other.id, content: "x" } }))
        .statusCode,
    ).toBe(202);
    expect((await right.call("GET", "/metrics")).body).toMatch(/^chat_rate_limited_total\{.*policy="messages".*\} 1$/m);
  });

  test("only an accepted message costs: not a repeat, nor one that is refused", async () => {
    const gateway = await shared.stores.gateway({ CHAT_RATE_LIMIT_MESSAGES: "2/60" });
    const { id, auth } = await shared.gateway.session();
    const send = (body: object) => gateway.call("POST", SEND, { headers: auth, payload: { sessionId: id, ...body } });
    const first = await send({ content: "x", clientMessageId: "k" });
    const repeats = await oneByOne(3, () => send({ content: "x", clientMessageId: "k" }));
    expect(states([first, ...repeats])).toEqual(Array(4).fill('"messages";r=1;t'));
    await send({ content: "" });
    await send({ content: "y", clientMessageId: "k" });
    expect((await send({ content: "z" })).statusCode).toBe(202);
    expect((await send({ content: "z" })).statusCode).toBe(429);
    // Used up, and a repeat is still answered.
    expect((await send({ content: "x", clientMessageId: "k" })).statusCode).toBe(200);
  });

  test("a burst of repeats at two gateways costs one", async () => {
    const env = { CHAT_RATE_LIMIT_MESSAGES: "2/60" };
    const [left, right] = [await shared.stores.gateway(env), await shared.stores.gateway(env)];
    const { id, auth } = await shared.gateway.session();
    const send = (index: number, clientMessageId: string) =>
      (index % 2 === 0 ? left : right).call("POST", SEND, {
        headers: auth,
        payload: { sessionId: id, content: "x", clientMessageId },
      });
    const burst = await Promise.all(Array.from({ length: 12 }, (_, index) => send(index, "k")));
    expect(burst.map((answer) => answer.statusCode).toSorted((a, b) => a - b)).toEqual([...Array(11).fill(200), 202]);
    expect((await send(0, "l")).statusCode).toBe(202);
    expect((await send(0, "m")).statusCode).toBe(429);
  });
});

test("a repeat whose first send used up the window just now is answered", async () => {
  const { database } = shared.stores;
  const { id, auth } = await shared.gateway.session();
  const payload = { sessionId: id, content: "x", clientMessageId: "k" };
  const send = async () => {
    const gateway = await shared.stores.gateway({ CHAT_RATE_LIMIT_MESSAGES: "1/60" });
    return gateway.call("POST", SEND, { headers: auth, payload });
  };
  const sends = await database.transaction(async (query) => {
    await query({ name: "", text: "SELECT 1 FROM chat_session WHERE id = $1 FOR UPDATE" }, [id]);
    const both = Promise.all([send(), send()]);
    const waiting = {
      name: "",
      text: "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    };
    await waitFor("the first to wait", async () => (await database.query(waiting, [])).length > 0);
    return { both }; // not awaited: they need this transaction to end
  });
  const [first, second] = (await sends.both).toSorted((a, b) => b.statusCode - a.statusCode);
  expect([first?.statusCode, second?.statusCode]).toEqual([202, 200]);
  expect(second?.data).toMatchObject({ sequence: 1, duplicate: true });
});

describe("new sessions per address", () => {
  const env = { CHAT_RATE_LIMIT_SESSIONS: "2/60", CHAT_TRUSTED_PROXIES: "127.0.0.0/8" };
  const open = async (address: string, payload: object = {}, forwarded?: string) => {
    const gateway = await shared.stores.gateway(env);
    const headers = forwarded === undefined ? {} : { "x-forwarded-for": forwarded };
    return gateway.call("POST", "/api/chat/session", { remoteAddress: address, headers, payload });
  };

  test("the limit holds across gateways, and what is not valid costs nothing", async () => {
    await open("10.0.0.1", { userId: "" });
    await open("10.0.0.1", { userToken: "nonsense" });
    const answers = await oneByOne(3, () => open("10.0.0.1"));
    expect(answers.map((answer) => answer.statusCode)).toEqual([201, 201, 429]);
    expect(states(answers)).toEqual(['"sessions";r=1;t', '"sessions";r=0;t', '"sessions";r=0;t']);
    expect((await open("10.0.0.2")).statusCode).toBe(201);
  });

  test("IPv6 is limited by its /64", async () => {
    const answers = await oneByOne(3, (index) => open(`2001:db8:1:2::${index}`));
    expect(answers.map((answer) => answer.statusCode)).toEqual([201, 201, 429]);
    expect((await open("2001:db8:1:3::1")).statusCode).toBe(201);
  });

  test("X-Forwarded-For is believed from a trusted proxy only", async () => {
    const trusted = await oneByOne(3, (index) => open("127.0.0.1", {}, `10.1.0.${index}`));
    expect(trusted.map((answer) => answer.statusCode)).toEqual([201, 201, 201]);
    const untrusted = await oneByOne(3, (index) => open("10.2.0.1", {}, `10.3.0.${index}`));
    expect(untrusted.map((answer) => answer.statusCode)).toEqual([201, 201, 429]);
  });
});

test("turned off, nothing is limited and nothing is said", async () => {
  const answers = await oneByOne(5, () => shared.gateway.call("POST", "/api/chat/session"));
  expect(answers.map((answer) => answer.statusCode)).toEqual(Array(5).fill(201));
  expect(answers[0]?.headers).not.toHaveProperty("ratelimit");
});
