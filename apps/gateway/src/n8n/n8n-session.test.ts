import { hashToken, newId } from "@chat-relay/core/ids";
import { createNamedSession, replaceSessionThatIsOver } from "@chat-relay/database/open-named-session";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { beforeAll, describe, expect, test } from "vitest";
import { expire } from "../testing/conversation.ts";
import { FakeDispatcher, listening, type LiveGateway } from "../testing/live-gateway.ts";
import { N8nPage } from "../testing/n8n-page.ts";
import { useStores } from "../testing/use-stores.ts";
import { findN8nSession } from "./n8n-session.ts";

const shared = useStores();
const UNLIMITED = { CHAT_RATE_LIMIT_DISABLED: "true" };
const start = async (env: Record<string, string> = UNLIMITED) =>
  listening(await shared.stores.gateway({ CHAT_N8N_COMPAT: "true", ...env }));

let gateway: LiveGateway;
let dispatcher: FakeDispatcher;
beforeAll(async () => {
  gateway = await start();
  dispatcher = new FakeDispatcher(shared.stores, gateway);
});

async function sessionCount(tokenHash: Buffer): Promise<number> {
  const text = "SELECT count(*)::int AS count FROM chat_session WHERE token_hash = $1";
  const [row] = await shared.stores.database.query<{ count: number }>({ name: "", text }, [tokenHash]);
  return row?.count ?? 0;
}

async function converse(page: N8nPage, text: string): Promise<void> {
  const asked = page.ask(text);
  await dispatcher.answer(page.sessionId, await page.accepted(text), [`Re: ${text}`]);
  await asked.json();
}

describe("a session with a token of its own", () => {
  test("cannot be read or written by its id, which is no secret", async () => {
    const visitor = await gateway.session();
    await gateway.send(visitor, "A secret");
    const page = new N8nPage(gateway, visitor.id);
    expect(await page.previous()).toEqual([]);
    const asked = page.ask("Let me in");
    expect((await asked.answered()).status).toBe(403);
    expect(await asked.json()).toMatchObject({ code: "forbidden", message: "This session cannot be used here" });
    expect((await page.stored()).map(({ content }) => content)).toEqual(["A secret"]);
  });

  test("also once it is over", async () => {
    const visitor = await gateway.session();
    await gateway.send(visitor, "A secret");
    await expire(shared.stores.database, visitor.id);
    const page = new N8nPage(gateway, visitor.id);
    expect([(await page.ask("Let me in").answered()).status, await page.previous()]).toEqual([403, []]);
  });

  test("nor can its token be used here", async () => {
    const visitor = await gateway.session();
    const page = new N8nPage(gateway, visitor.id);
    const asked = page.post({ action: "sendMessage", sessionId: visitor.id, chatInput: "Hi" }, visitor.auth);
    expect((await asked.answered()).status).toBe(403);
  });
});

test("the widget's id opens no other route", async () => {
  const page = new N8nPage(gateway);
  await converse(page, "Hello");
  for (const token of [page.sessionId, `n8n:${page.sessionId}`]) {
    const headers = { authorization: `Bearer ${token}` };
    const answers = [
      await gateway.call("GET", "/api/chat/session", { headers }),
      await gateway.call("GET", `/api/chat/messages/${page.sessionId}`, { headers }),
      await gateway.call("GET", `/api/chat/stream/${page.sessionId}`, { headers }),
      await gateway.call("DELETE", "/api/chat/session", { headers }),
    ];
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([401, 401, 401, 401]);
  }
});

describe("on first use", () => {
  test("is made once, however many messages come at once, at whichever gateways", async () => {
    const other = await start();
    const page = new N8nPage(gateway);
    const same = new N8nPage(other, page.sessionId);
    const texts = ["one", "two", "three", "four", "five", "six"];
    const asked = texts.map((text, index) => (index % 2 === 0 ? page : same).ask(text));
    for (const text of texts) await page.accepted(text);
    expect(await sessionCount(hashToken(`n8n:${page.sessionId}`))).toBe(1);
    expect((await page.stored()).map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6]);
    for (const one of asked) one.leave();
  });

  test("costs the address a session, once, also at two gateways", async () => {
    const limit = { CHAT_RATE_LIMIT_SESSIONS: "2/300" };
    const [limited, other] = [await start(limit), await start(limit)];
    const pages = [new N8nPage(limited), new N8nPage(limited), new N8nPage(limited)];
    const [first, second, third] = pages as [N8nPage, N8nPage, N8nPage];
    const texts = ["one", "two", "three", "four"];
    const same = new N8nPage(other, first.sessionId);
    const together = texts.map((text, index) => (index % 2 === 0 ? first : same).ask(text));
    for (const text of texts) await first.accepted(text);
    const asked = second.ask("Hello");
    await second.accepted("Hello");
    const refused = third.ask("Hello");
    const { status, headers } = await refused.answered();
    expect([status, headers["ratelimit-policy"]]).toEqual([429, '"sessions";q=2;w=300']);
    expect(Number(headers["retry-after"])).toBeGreaterThan(0);
    expect((await refused.json()).message).toMatch(/try again in \d+ s/);
    expect(await third.stored()).toEqual([]);
    expect(await third.previous()).toEqual([]); // to look costs nothing
    for (const one of [...together, asked]) one.leave();
  });
});

test("messages of the session are limited like all", async () => {
  const limited = await start({ CHAT_RATE_LIMIT_MESSAGES: "1/60", CHAT_RATE_LIMIT_SESSIONS: "100/60" });
  const page = new N8nPage(limited);
  const first = page.ask("one");
  await page.accepted("one");
  const { status, headers } = await page.ask("two").answered();
  expect([status, headers["ratelimit-policy"]]).toEqual([429, '"messages";q=1;w=60']);
  expect(await page.stored()).toHaveLength(1);
  first.leave();
});

describe("once it is over", () => {
  test("its id names a new one, of which nothing from before is seen", async () => {
    const page = new N8nPage(gateway);
    await converse(page, "Yesterday");
    await expire(shared.stores.database, page.sessionId);
    expect(await page.previous()).toEqual([]);
    const asked = ["Today", "Today too"].map((text) => page.ask(text));
    const { sessionId: fresh } = await waitFor("a new session", () => findN8nSession(shared.stores, page.sessionId));
    expect(fresh).not.toBe(page.sessionId);
    await page.accepted("Today", 1, fresh);
    await page.accepted("Today too", 1, fresh);
    const said = (await page.previous()).toSorted();
    expect(said).toEqual(["human: Today", "human: Today too"]);
    expect((await page.stored()).map(({ content }) => content)).toEqual(["Yesterday", "Re: Yesterday"]);
    for (const one of asked) one.leave();
  });

  test("whoever comes second makes none", async () => {
    const { database } = shared.stores;
    const named = { id: newId(), tokenHash: hashToken(`n8n:${newId()}`), ttlMs: 60_000 };
    const replace = () =>
      replaceSessionThatIsOver(database, { ...named, id: newId(), retiredTokenHash: hashToken(newId()) });
    expect(await replace()).toBeUndefined();
    expect(await createNamedSession(database, named)).toMatchObject({ sessionId: named.id, status: "active" });
    expect(await createNamedSession(database, named)).toBeUndefined();
    expect(await replace()).toBeUndefined();
    await expire(database, named.id);
    const made = await Promise.all([replace(), replace(), replace()]);
    expect(made.filter((one) => one !== undefined)).toHaveLength(1);
    expect(await sessionCount(named.tokenHash)).toBe(1);
  });
});
