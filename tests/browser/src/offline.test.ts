import type { FakeCall } from "@chat-relay/testkit/fake-n8n";
import { streamAnswers } from "@chat-relay/testkit/streamed-answer";
import { beforeEach, expect, test } from "vitest";
import { untilSaid } from "./until-said.ts";
import { useBrowser } from "./use-browser.ts";

const world = useBrowser();

beforeEach(() => {
  world().stack.n8n.answerWith((call) => ({ body: { output: `Re: ${call.body.chatInput}` } }));
});

const callsWith = (text: string): FakeCall[] => world().stack.n8n.calls.filter((call) => call.body.chatInput === text);

test("what is written offline waits on the page, and is delivered once when the network is back", async () => {
  const visitor = await world().visitor();
  const chat = await world().visit(visitor);
  await chat.open();
  await chat.send("Before");
  await untilSaid(chat, ["You: Before", "Assistant: Re: Before"]);
  await visitor.setOffline(true);
  await chat.panel.getByText("You are offline. What you write is sent when you are back.").waitFor();
  await chat.send("On the train");
  await chat.entry("You: On the train").getByText("Will be sent as soon as possible").waitFor();
  expect(callsWith("On the train")).toHaveLength(0);
  await visitor.setOffline(false);
  const all = ["You: Before", "Assistant: Re: Before", "You: On the train", "Assistant: Re: On the train"];
  await untilSaid(chat, all);
  expect(callsWith("On the train")).toHaveLength(1);
});

test("a message whose acceptance is lost on the way is sent again, and is still one message", async () => {
  const visitor = await world().visitor();
  const chat = await world().visit(visitor);
  await chat.open();
  await visitor.route(
    "**/api/chat/send",
    async (route) => {
      await route.fetch(); // the gateway takes it
      await route.abort();
    },
    { times: 1 },
  );
  await chat.send("Did you get this?");
  await untilSaid(chat, ["You: Did you get this?", "Assistant: Re: Did you get this?"]);
  await chat.entry("You: Did you get this?").getByRole("time").waitFor();
  expect(callsWith("Did you get this?")).toHaveLength(1);
});

test("a page that is closed with an unsent message sends it once when it is opened again", async () => {
  const visitor = await world().visitor();
  const chat = await world().visit(visitor);
  await chat.open();
  await visitor.setOffline(true);
  await chat.send("Before the tunnel");
  await untilSaid(chat, ["You: Before the tunnel"]);
  await chat.page.close();
  await visitor.setOffline(false);
  expect(callsWith("Before the tunnel")).toHaveLength(0);
  const again = await world().visit(visitor);
  await again.open();
  await untilSaid(again, ["You: Before the tunnel", "Assistant: Re: Before the tunnel"]);
  expect(callsWith("Before the tunnel")).toHaveLength(1);
});

test("an unsent message can be taken back", async () => {
  const visitor = await world().visitor();
  const chat = await world().visit(visitor);
  await chat.open();
  await visitor.setOffline(true);
  await chat.send("Better not");
  await chat.entry("You: Better not").getByRole("button", { name: "Delete" }).click();
  await untilSaid(chat, []);
  await visitor.setOffline(false);
  await chat.send("Hello");
  await untilSaid(chat, ["You: Hello", "Assistant: Re: Hello"]);
  expect(callsWith("Better not")).toHaveLength(0);
});

test("a page that was offline during an answer catches up with it", async () => {
  const next = streamAnswers(world().stack.n8n);
  const visitor = await world().visitor();
  const chat = await world().visit(visitor);
  await chat.open();
  await chat.send("Tell me");
  const answer = await next();
  answer.say("One ");
  await untilSaid(chat, ["You: Tell me", "Assistant: One"]);
  await visitor.setOffline(true);
  await chat.panel.getByText("You are offline.").waitFor();
  answer.say("two ");
  await visitor.setOffline(false);
  await untilSaid(chat, ["You: Tell me", "Assistant: One two"]);
  answer.say("three");
  await untilSaid(chat, ["You: Tell me", "Assistant: One two three"]);
});
