import { givenExchanges } from "@chat-relay/testkit/conversation";
import { streamAnswers } from "@chat-relay/testkit/streamed-answer";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { beforeEach, expect, test } from "vitest";
import type { ChatPage } from "./chat-page.ts";
import { untilSaid } from "./until-said.ts";
import { useBrowser } from "./use-browser.ts";

const world = useBrowser();

beforeEach(() => {
  world().stack.n8n.answerWith((call) => ({ body: { output: `Re: ${call.body.chatInput}` } }));
});

/** A visitor who has said something, then closed the chat. Returns the session's id, and the page. */
async function beHereBefore(): Promise<{ chat: ChatPage; sessionId: string }> {
  const chat = await world().openChat();
  await chat.send("Hello");
  await untilSaid(chat, ["You: Hello", "Assistant: Re: Hello"]);
  await chat.closeButton.click();
  await chat.untilClosed();
  return { chat, sessionId: world().stack.n8n.calls.at(-1)?.body.sessionId };
}

/** Scrolls up till older messages are there; where a message in sight was before they came, and after it. */
async function scrollUpUntilLonger(chat: ChatPage, length: number): Promise<{ before: number; after: number }> {
  const moves = await chat.conversation.evaluateHandle((scroller) => {
    const found: { before: number; after: number }[] = [];
    const list = scroller.querySelector("ol");
    const inSight = (): Element | undefined =>
      [...scroller.querySelectorAll("ol > li:has(time)")].find(
        (entry) => entry.getBoundingClientRect().top > scroller.getBoundingClientRect().top,
      );
    let known = { entry: inSight(), top: 0 };
    const look = (): void => {
      const entry = inSight();
      known = { entry, top: entry?.getBoundingClientRect().top ?? 0 };
    };
    scroller.addEventListener("scroll", look);
    look();
    new MutationObserver(() => {
      const after = known.entry?.getBoundingClientRect().top ?? 0;
      found.push({ before: known.top, after });
    }).observe(list ?? scroller, { childList: true });
    return found;
  });
  await waitFor("older messages", async () => {
    await chat.page.mouse.wheel(0, -300);
    return (await chat.said()).length > length;
  });
  const [move] = await moves.jsonValue();
  return move ?? { before: 0, after: Infinity };
}

/** Where the conversation stands, once it does. */
function stillAt({ conversation }: ChatPage): Promise<number> {
  return conversation.evaluate(async (scroller) => {
    const nextFrame = (): Promise<number> => new Promise(requestAnimationFrame);
    for (let before = -1; before !== scroller.scrollTop;) {
      before = scroller.scrollTop;
      for (let frames = 0; frames < 5; frames += 1) await nextFrame();
    }
    return scroller.scrollTop;
  });
}

/** Tasks that kept the page from answering for longer than 50 ms, from now on. */
async function longTasks(chat: ChatPage): Promise<() => Promise<number[]>> {
  const tasks = await chat.page.evaluateHandle(() => {
    const durations: number[] = [];
    new PerformanceObserver((list) => durations.push(...list.getEntries().map(({ duration }) => duration))).observe({
      type: "longtask",
    });
    return durations;
  });
  return () => tasks.jsonValue();
}

/** Changes of anything but the last entry, from now on. */
async function changesElsewhere(chat: ChatPage): Promise<() => Promise<string[]>> {
  const changes = await chat.entries.first().evaluateHandle((first) => {
    const found: string[] = [];
    const list = first.parentElement ?? first;
    const look = (records: MutationRecord[]): void => {
      const others = records.filter(({ target }) => !list.lastElementChild?.contains(target));
      found.push(...others.map(({ target }) => target.textContent ?? ""));
    };
    const all = { childList: true, characterData: true, attributes: true, subtree: true };
    new MutationObserver(look).observe(list, all);
    return found;
  });
  return () => changes.jsonValue();
}

test("the launcher counts the replies that came while the chat was closed, also after a reload", async () => {
  const { stack } = world();
  const { chat, sessionId } = await beHereBefore();
  const named = (name: string): Promise<void> => chat.page.getByRole("button", { name, exact: true }).waitFor();
  await named("Open chat");
  await stack.callback("unread-1", { sessionId, content: "One" });
  await named("Open chat, 1 new message");
  await stack.callback("unread-2", { sessionId, content: "Two" });
  await named("Open chat, 2 new messages");
  await chat.page.reload();
  await named("Open chat, 2 new messages");
  await chat.open();
  await untilSaid(chat, ["You: Hello", "Assistant: Re: Hello", "Assistant: One", "Assistant: Two"]);
  await chat.closeButton.click();
  await named("Open chat");
  expect(await chat.launcher.getAttribute("aria-expanded")).toBe("false");
});

test("older messages come when one scrolls up, and what one reads stays where it is", async () => {
  const { chat, sessionId } = await beHereBefore();
  await givenExchanges(world().stack.database, sessionId, 100);
  await chat.page.reload();
  await chat.open();
  await chat.entry("Answer 100").waitFor();
  const first = await chat.said();
  expect(first).toHaveLength(50);
  await chat.conversation.hover();
  const seen = await scrollUpUntilLonger(chat, first.length);
  expect(Math.abs(seen.after - seen.before)).toBeLessThan(8);

  await waitFor("the beginning", async () => {
    await chat.page.mouse.wheel(0, -5_000);
    return (await chat.said())[0] === "You: Hello";
  });
  expect(await chat.said()).toHaveLength(202);
});

test("who reads further up is not pulled down by a new message, and can go to it", async () => {
  const { stack } = world();
  stack.n8n.answerWith(() => ({
    body: { output: Array.from({ length: 80 }, (_, line) => `Line ${line}`).join("\n\n") },
  }));
  const chat = await world().openChat();
  await chat.send("Hello");
  await chat.entry("Line 79").getByRole("time").waitFor();
  await chat.conversation.hover();
  await chat.page.mouse.wheel(0, -600);
  const latest = chat.panel.getByRole("button", { name: "Go to the latest message" });
  await latest.waitFor();
  const before = await stillAt(chat);
  await stack.callback("further-up", { sessionId: stack.n8n.calls.at(-1)?.body.sessionId, content: "News" });
  await chat.panel.getByRole("button", { name: "1 new message" }).waitFor();
  expect(await stillAt(chat)).toBe(before);
  await chat.panel.getByRole("button", { name: "1 new message" }).click();
  await waitFor("the end", () =>
    chat.conversation.evaluate(
      ({ scrollHeight, scrollTop, clientHeight }) => scrollHeight - scrollTop - clientHeight < 2,
    ),
  );
});

test("a conversation of 1,000 messages opens and scrolls smoothly, and a piece touches only its reply", async () => {
  const { chat, sessionId } = await beHereBefore();
  await givenExchanges(world().stack.database, sessionId, 499);
  await chat.page.reload();
  const tasks = await longTasks(chat);
  const openedAtMs = performance.now();
  await chat.open();
  await chat.entry("Answer 499").waitFor();
  const openMs = performance.now() - openedAtMs;

  await chat.conversation.hover();
  await waitFor("the beginning", async () => {
    await chat.page.mouse.wheel(0, -20_000);
    return (await chat.said())[0] === "You: Hello";
  });
  expect(await chat.said()).toHaveLength(1_000);
  const scrolledMs = performance.now() - openedAtMs;

  const next = streamAnswers(world().stack.n8n);
  await chat.send("One more");
  const answer = await next();
  answer.say("piece 0. ");
  await chat.entry("piece 0.").waitFor();
  const elsewhere = await changesElsewhere(chat);
  for (let piece = 1; piece <= 20; piece += 1) {
    answer.say(`piece ${piece}. `);
    await chat.entry(`piece ${piece}.`).waitFor();
  }
  expect(await elsewhere()).toEqual([]);

  const [worst = 0] = (await tasks()).toSorted((a, b) => b - a);
  const figures = `opened in ${openMs.toFixed(0)} ms, scrolled to the first in ${scrolledMs.toFixed(0)} ms`;
  process.stdout.write(`\n 1,000 messages: ${figures}, longest task ${worst.toFixed(0)} ms\n`);
  expect(openMs).toBeLessThan(10_000);
  expect(worst).toBeLessThan(2_000);
});
