import { streamAnswers } from "@chat-relay/testkit/streamed-answer";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { expect, test } from "vitest";
import { mostSaid } from "./most-said.ts";
import { untilSaid } from "./until-said.ts";
import { useBrowser } from "./use-browser.ts";

const world = useBrowser();

test("a reply comes in pieces, is shown once when it is finished, and is the one that is stored", async () => {
  const next = streamAnswers(world().stack.n8n);
  const chat = await world().openChat();
  const most = await mostSaid(chat);
  await chat.send("Tell me");
  const answer = await next();
  answer.say("Once ");
  await untilSaid(chat, ["You: Tell me", "Assistant: Once"]);
  answer.say("upon ");
  await untilSaid(chat, ["You: Tell me", "Assistant: Once upon"]);
  answer.say("a time.");
  await untilSaid(chat, ["You: Tell me", "Assistant: Once upon a time."]);
  answer.end();
  await chat.entry("Once upon a time.").getByRole("time").waitFor();
  await untilSaid(chat, ["You: Tell me", "Assistant: Once upon a time."]);
  expect(await most()).toBe(2);
  const stored = await world().stored(answer.call.body.sessionId);
  expect(stored.map(({ content }) => content)).toEqual(["Tell me", "Once upon a time."]);
});

test("a page that is reloaded in mid-answer goes on where it was", async () => {
  const next = streamAnswers(world().stack.n8n);
  const chat = await world().openChat();
  await chat.send("Tell me");
  const answer = await next();
  answer.say("One ");
  await untilSaid(chat, ["You: Tell me", "Assistant: One"]);
  const reloaded = chat.page.reload();
  answer.say("two ");
  await reloaded;
  await chat.field.waitFor(); // it is open again
  await untilSaid(chat, ["You: Tell me", "Assistant: One two"]);
  answer.say("three");
  await untilSaid(chat, ["You: Tell me", "Assistant: One two three"]);
  answer.end();
  await chat.entry("One two three").getByRole("time").waitFor();
  await untilSaid(chat, ["You: Tell me", "Assistant: One two three"]);
});

test("two tabs of a visitor show the same, and each message once", async () => {
  const { n8n } = world().stack;
  const next = streamAnswers(n8n);
  const visitor = await world().visitor();
  const [one, other] = [await world().visit(visitor), await world().visit(visitor)];
  await one.open();
  await other.open();
  const most = [await mostSaid(one), await mostSaid(other)];
  await one.send("From the one");
  const answer = await next();
  answer.say("To the one");
  for (const tab of [one, other]) await untilSaid(tab, ["You: From the one", "Assistant: To the one"]);
  answer.end();
  await other.entry("To the one").getByRole("time").waitFor();
  await other.send("From the other");
  (await next()).say("To the other");
  const all = ["You: From the one", "Assistant: To the one", "You: From the other", "Assistant: To the other"];
  for (const tab of [one, other]) await untilSaid(tab, all);
  for (const count of most) expect(await count()).toBe(4);
  const sessions = n8n.calls.slice(-2).map((call) => call.body.sessionId);
  expect(new Set(sessions).size).toBe(1);
});

test("several replies to one message stand below it, in the order in which they began", async () => {
  const next = streamAnswers(world().stack.n8n);
  const chat = await world().openChat();
  await chat.send("Tell me");
  const answer = await next();
  answer.say("First", 0);
  answer.say("Second", 1);
  answer.say(" one", 0);
  const all = ["You: Tell me", "Assistant: First one", "Assistant: Second"];
  await untilSaid(chat, all);
  answer.end();
  await waitFor("both to be whole", async () => (await chat.entries.getByRole("time").count()) >= 2);
  await untilSaid(chat, all);
});

test("a message that the stream tells before its send is answered is shown once", async () => {
  const { n8n } = world().stack;
  n8n.answerWith(() => ({ body: { output: "Hi" } }));
  const visitor = await world().visitor();
  const chat = await world().visit(visitor);
  await chat.open();
  await chat.send("Hello"); // opens the session
  await untilSaid(chat, ["You: Hello", "Assistant: Hi"]);
  const most = await mostSaid(chat);
  const next = streamAnswers(n8n);
  const isTold = Promise.withResolvers<void>();
  await visitor.route("**/api/chat/send", async (route) => {
    const response = await route.fetch();
    await isTold.promise;
    await route.fulfill({ response });
  });
  await chat.send("Tell me");
  const answer = await next();
  answer.say("Once upon a time.");
  await chat.entry("Once upon a time.").waitFor();
  isTold.resolve();
  answer.end();
  await chat.entry("You: Tell me").getByRole("time").waitFor();
  await chat.entry("Once upon a time.").getByRole("time").waitFor();
  await untilSaid(chat, ["You: Hello", "Assistant: Hi", "You: Tell me", "Assistant: Once upon a time."]);
  expect(await most()).toBe(4);
});

test("a reply is readable without the script that renders it, which is asked for again with the next one", async () => {
  world().stack.n8n.answerWith((call) => ({ body: { output: `**Re:** ${call.body.chatInput}` } }));
  const chat = await world().openChat();
  const asked: string[] = [];
  chat.page.on("request", (request) => {
    const { pathname, search } = new URL(request.url());
    if (pathname.endsWith("/markdown-text.js")) asked.push(search);
  });
  await chat.page.route("**/markdown-text.js*", (route) => route.abort());
  await chat.send("Hello");
  await untilSaid(chat, ["You: Hello", "Assistant: **Re:** Hello"]);
  await chat.page.unrouteAll();
  await chat.send("Again");
  await untilSaid(chat, ["You: Hello", "Assistant: **Re:** Hello", "You: Again", "Assistant: Re: Again"]);
  // Some browsers remember that an address failed.
  expect([asked[0], asked.at(-1)]).toEqual(["", expect.stringMatching(/^\?again=\d$/)]);
  expect(new Set(asked).size).toBe(asked.length);
});
