import { createHmac } from "node:crypto";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { beforeEach, expect, test } from "vitest";
import type { ChatPage } from "./chat-page.ts";
import { hintsOf } from "./hints-of.ts";
import { untilSaid } from "./until-said.ts";
import { useBrowser } from "./use-browser.ts";

const IDENTITY_SECRET = "the secret that the shop and the gateway share";

const world = useBrowser(({ origin }) => ({ CHAT_ALLOWED_ORIGINS: origin, CHAT_IDENTITY_SECRET: IDENTITY_SECRET }));

beforeEach(() => {
  world().stack.n8n.answerWith((call) => ({ body: { output: `Re: ${call.body.chatInput}` } }));
});

const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** What the shop's server makes for somebody who is logged in. */
function userToken(userId: string): string {
  const expiresAt = Math.floor(Date.now() / 1_000) + 60;
  const signed = `${base64url({ alg: "HS256", typ: "JWT" })}.${base64url({ sub: userId, exp: expiresAt })}`;
  return `${signed}.${createHmac("sha256", IDENTITY_SECRET).update(signed).digest("base64url")}`;
}

/** A page of the shop that says who is logged in when the chat asks. */
async function openShop(whoIsThere: () => string | null): Promise<ChatPage> {
  const chat = await world().visit(await world().visitor(), world().site.page(`<!doctype html>${world().snippet}`));
  await chat.page.exposeFunction("fetchUserToken", whoIsThere);
  await chat.page.locator("chat-relay").evaluate((element) => {
    Object.assign(element, { getUserToken: () => Reflect.get(window, "fetchUserToken")() });
  });
  await chat.open();
  return chat;
}

const lastCall = () => world().stack.n8n.calls.at(-1)?.body;

test("the page is asked for proof of who is there, and n8n is told that it is certain", async () => {
  let asked = 0;
  const chat = await openShop(() => {
    asked += 1;
    return userToken("user-7");
  });
  expect(asked).toBe(0); // nothing is opened before there is something to say
  await chat.send("Hello");
  await untilSaid(chat, ["You: Hello", "Assistant: Re: Hello"]);
  expect(lastCall().data.session).toMatchObject({ userId: "user-7", authenticated: true });
  await chat.send("Again");
  await untilSaid(chat, ["You: Hello", "Assistant: Re: Hello", "You: Again", "Assistant: Re: Again"]);
  expect(asked).toBe(1);
});

test("a proof that is none keeps the message on the page, until there is one", async () => {
  let proof = "not a token";
  const chat = await openShop(() => proof);
  await chat.send("Hello");
  await chat.panel.getByText("You could not be signed in. Trying again…").waitFor();
  expect(await chat.said()).toEqual(["You: Hello"]);
  proof = userToken("user-8");
  await untilSaid(chat, ["You: Hello", "Assistant: Re: Hello"]);
  expect(lastCall().data.session).toMatchObject({ userId: "user-8", authenticated: true });
});

test("who builds the page is told, once, that a user-id without a proof is refused", async () => {
  const snippet = world().snippet.replace("<chat-relay", '<chat-relay user-id="user-11"');
  const chat = await world().openChat({}, world().site.page(`<!doctype html>${snippet}`));
  const hints = hintsOf(chat);
  await chat.send("Hello");
  await chat.panel.getByText("You could not be signed in. Trying again…").waitFor();
  expect(hints).toHaveLength(1);
  expect(hints[0]).toContain("A gateway with CHAT_IDENTITY_SECRET refuses the session (401).");
});

test("a reset() while the element is not in the page ends the session, too", async () => {
  const chat = await openShop(() => userToken("user-12"));
  await chat.send("My secret");
  await untilSaid(chat, ["You: My secret", "Assistant: Re: My secret"]);
  const { sessionId } = lastCall();
  await chat.page.locator("chat-relay").evaluate(async (element) => {
    element.remove();
    await (element as unknown as { reset(): Promise<void> }).reset();
    document.body.append(element);
  });
  await untilSaid(chat, []);
  expect(await chat.page.evaluate(() => localStorage.length)).toBe(0);
  await chat.send("Hello");
  await untilSaid(chat, ["You: Hello", "Assistant: Re: Hello"]);
  expect(lastCall().sessionId).not.toBe(sessionId);
});

test("after reset() nothing is left of who was there: not on the page, not in the storage, not at the gateway", async () => {
  let user: string | null = "user-9";
  const chat = await openShop(() => user && userToken(user));
  const tokens: string[] = [];
  chat.page.on("request", (request) => tokens.push(...(request.headers()["authorization"] ?? "").split(" ").slice(1)));
  await chat.send("My secret");
  await untilSaid(chat, ["You: My secret", "Assistant: Re: My secret"]);
  const { sessionId } = lastCall();
  await chat.field.fill("A draft");

  user = null;
  await chat.page
    .locator("chat-relay")
    .evaluate((element) => (element as unknown as { reset(): Promise<void> }).reset());
  await untilSaid(chat, []);
  expect(await chat.field.inputValue()).toBe("");
  expect(await chat.page.evaluate(() => Object.keys(localStorage))).toEqual([]);
  expect(tokens.length).toBeGreaterThan(0);
  const headers = { authorization: `Bearer ${tokens[0]}` };
  await waitFor("the session to be over", async () => {
    const { status } = await fetch(`${world().stack.gateway.url}/api/chat/session`, { headers });
    return status === 410;
  });

  await chat.send("Hello");
  await untilSaid(chat, ["You: Hello", "Assistant: Re: Hello"]);
  expect(lastCall().sessionId).not.toBe(sessionId);
  expect(lastCall().data.session).toMatchObject({ userId: null, authenticated: false });
});

test("what one tab has forgotten is gone from another at once, and does not come back there", async () => {
  const one = await openShop(() => userToken("user-10"));
  const other = await world().visit(one.page.context(), one.page.url());
  await other.open();
  await one.send("My secret");
  for (const tab of [one, other]) await untilSaid(tab, ["You: My secret", "Assistant: Re: My secret"]);
  await one.page
    .locator("chat-relay")
    .evaluate((element) => (element as unknown as { reset(): Promise<void> }).reset());
  for (const tab of [one, other]) await untilSaid(tab, []);
  await other.page.reload();
  await other.field.waitFor(); // it is open again
  await untilSaid(other, []);
  expect(await other.page.evaluate(() => localStorage.length)).toBe(0);
});
