import { streamAnswers } from "@chat-relay/testkit/streamed-answer";
import { expect, test } from "vitest";
import { mostSaid } from "./most-said.ts";
import { untilSaid } from "./until-said.ts";
import { useBrowser } from "./use-browser.ts";

const world = useBrowser();

test("a gateway that is killed and restarted in mid-answer loses nothing of it", async () => {
  const { n8n, gateway } = world().stack;
  const next = streamAnswers(n8n);
  const chat = await world().openChat();
  await chat.send("Tell me");
  const answer = await next();
  answer.say("One ");
  await untilSaid(chat, ["You: Tell me", "Assistant: One"]);
  const most = await mostSaid(chat);
  await gateway.end("SIGKILL");
  answer.say("two ");
  await chat.panel.getByText("No connection to the chat. Trying again…").waitFor();
  await gateway.start();
  await untilSaid(chat, ["You: Tell me", "Assistant: One two"], 45_000);
  answer.say("three");
  answer.end();
  await chat.entry("One two three").getByRole("time").waitFor();
  await untilSaid(chat, ["You: Tell me", "Assistant: One two three"]);
  expect(await most()).toBe(2);
});

test("a message that is written while the gateway is away is delivered once, when it is back", async () => {
  const { n8n, gateway } = world().stack;
  n8n.answerWith((call) => ({ body: { output: `Re: ${call.body.chatInput}` } }));
  const chat = await world().openChat();
  await chat.send("Before");
  await untilSaid(chat, ["You: Before", "Assistant: Re: Before"]);
  await gateway.end("SIGKILL");
  await chat.send("Meanwhile");
  await chat.entry("You: Meanwhile").getByText("Will be sent as soon as possible").waitFor();
  await gateway.start();
  const all = ["You: Before", "Assistant: Re: Before", "You: Meanwhile", "Assistant: Re: Meanwhile"];
  await untilSaid(chat, all, 45_000);
  expect(n8n.calls.filter((call) => call.body.chatInput === "Meanwhile")).toHaveLength(1);
});

test("a dispatcher that is killed in mid-answer has its text withdrawn: only what the next one reads is shown", async () => {
  const { n8n, dispatcher } = world().stack;
  const next = streamAnswers(n8n);
  const chat = await world().openChat();
  await chat.send("Tell me");
  (await next()).say("A beginning that will be lost");
  await untilSaid(chat, ["You: Tell me", "Assistant: A beginning that will be lost"]);
  await dispatcher.end("SIGKILL");
  await dispatcher.start();
  const answer = await next();
  expect(answer.call.headers["chat-attempt"]).toBe("2");
  answer.say("Another ");
  await untilSaid(chat, ["You: Tell me", "Assistant: Another"]);
  answer.say("beginning");
  answer.end();
  await chat.entry("Another beginning").getByRole("time").waitFor();
  await untilSaid(chat, ["You: Tell me", "Assistant: Another beginning"]);
});
