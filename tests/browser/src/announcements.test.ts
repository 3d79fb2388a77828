import { streamAnswers } from "@chat-relay/testkit/streamed-answer";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { expect, test } from "vitest";
import type { ChatPage } from "./chat-page.ts";
import { untilSaid } from "./until-said.ts";
import { useBrowser } from "./use-browser.ts";

const world = useBrowser();

/** What is put into the live region from now on, as a screen reader hears of it. */
async function listen({ announcements }: ChatPage): Promise<() => Promise<string[]>> {
  const heard = await announcements.evaluateHandle((log) => {
    const texts: string[] = [];
    const hear = (changes: MutationRecord[]): void => {
      for (const { type, target, addedNodes } of changes) {
        if (type === "characterData") texts.push(target.textContent ?? "");
        for (const node of addedNodes) texts.push(node.textContent?.trim() ?? "");
      }
    };
    new MutationObserver(hear).observe(log, { childList: true, characterData: true, subtree: true });
    return texts;
  });
  return () => heard.jsonValue();
}

/** Said once for each message, before its reply. */
const isReply = (text: string): boolean => text !== "Writing a reply…";

test("a streamed reply is read out once, when it is whole", async () => {
  const next = streamAnswers(world().stack.n8n);
  const chat = await world().openChat();
  const heard = await listen(chat);
  await chat.send("Hello");
  const answer = await next();
  let text = "";
  for (const piece of ["I ", "am ", "**here** ", "for ", "you."]) {
    answer.say(piece);
    text += piece;
    await untilSaid(chat, ["You: Hello", `Assistant: ${text.replaceAll("**", "").trim()}`]);
  }
  expect((await heard()).filter(isReply)).toEqual([]);
  answer.end();
  await waitFor("the reply to be read out", async () => (await heard()).some(isReply));
  await chat.entry("for you.").getByRole("time").waitFor();
  const all = await heard();
  expect(all.filter(isReply)).toEqual(["Assistant: I am here for you."]);
  expect(all.length).toBeLessThanOrEqual(2);
});

test("history is not read out", async () => {
  const { stack } = world();
  stack.n8n.answerWith(() => ({ body: { output: "Hi" } }));
  const chat = await world().openChat();
  await chat.send("Hello");
  await untilSaid(chat, ["You: Hello", "Assistant: Hi"]);
  await chat.page.reload();
  await chat.field.waitFor(); // it is open again
  await untilSaid(chat, ["You: Hello", "Assistant: Hi"]);
  const { sessionId } = stack.n8n.calls.at(-1)?.body ?? {};
  await stack.callback("news-1", { sessionId, content: "News" });
  await waitFor("the news to be read out", async () => (await chat.announcements.textContent()) !== "");
  expect((await chat.announcements.textContent())?.trim()).toBe("Assistant: News");
});

test("a closed chat says that there is a message, not what is in it", async () => {
  const { stack } = world();
  stack.n8n.answerWith(() => ({ body: { output: "Hi" } }));
  const chat = await world().openChat();
  await chat.send("Hello");
  await untilSaid(chat, ["You: Hello", "Assistant: Hi"]);
  await chat.closeButton.click();
  const heard = await listen(chat);
  await stack.callback("news-2", { sessionId: stack.n8n.calls.at(-1)?.body.sessionId, content: "A secret" });
  await waitFor("the news to be announced", async () => (await heard()).length > 0);
  expect(await heard()).toEqual(["1 new message"]);
});

test("nothing but the log speaks by itself", async () => {
  const chat = await world().openChat();
  await chat.send("Hello");
  const speaking = await chat.page.locator("chat-relay").evaluate((element) => {
    const found = element.shadowRoot?.querySelectorAll("[aria-live], [role=log], [role=status], [role=alert], output");
    return [...(found ?? [])].map((region) => region.getAttribute("role"));
  });
  expect(speaking).toEqual(["log"]);
});

test("what is read out lies in the panel while that takes the whole screen: nothing around it is read then", async () => {
  const chat = await world().openChat({ viewport: { width: 390, height: 844 } });
  expect(await chat.panel.getAttribute("aria-modal")).toBe("true");
  expect(await chat.panel.getByRole("log").count()).toBe(1);
  await chat.page.setViewportSize({ width: 1280, height: 800 });
  await waitFor("the log to be outside of it", async () => (await chat.panel.getByRole("log").count()) === 0);
  expect([await chat.panel.getAttribute("aria-modal"), await chat.announcements.count()]).toEqual(["false", 1]);
  await chat.page.setViewportSize({ width: 390, height: 844 });
  await waitFor("the log to be back", async () => (await chat.panel.getByRole("log").count()) === 1);
  await chat.closeButton.click();
  await chat.untilClosed();
  expect(await chat.announcements.count()).toBe(1); // in a closed panel it would not be there for anybody
});
