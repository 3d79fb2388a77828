import { SECRET } from "@chat-relay/testkit/stack";
import { stablePort } from "@chat-relay/testkit/stable-port";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { afterAll, beforeAll, expect, test } from "vitest";
import { axeViolations } from "./axe.ts";
import { startSampleBot } from "./sample-bot-process.ts";
import { untilFocused } from "./until-focused.ts";
import { untilSaid } from "./until-said.ts";
import { useBrowser } from "./use-browser.ts";

const botPort = await stablePort();
const world = useBrowser(() => ({
  CHAT_N8N_WEBHOOK_URL: `http://127.0.0.1:${botPort}/webhook/chat`,
  CHAT_SAMPLE_BOT_PORT: String(botPort),
}));

let bot: AsyncDisposable;
beforeAll(async () => {
  bot = await startSampleBot(botPort, SECRET);
});
afterAll(() => bot[Symbol.asyncDispose]());

test("the page's button opens the chat, and the bot answers", async () => {
  const chat = await world().visit(await world().visitor());
  await chat.page.getByRole("button", { name: "Open the chat" }).click();
  await untilFocused(chat.field);
  await chat.send("Hello");
  await untilSaid(chat, ["You: Hello", "Assistant: You said: Hello"]);
});

test("/long comes word by word, with its markdown, and outlives a reload in the middle", async () => {
  const chat = await world().visit(await world().visitor());
  await chat.page.getByRole("button", { name: "Send /long" }).click();
  const reply = chat.entry("How a message travels");
  await reply.waitFor();
  const early = await reply.innerText();
  expect(early).not.toContain("Standard Webhooks");
  await chat.page.reload();
  await chat.field.waitFor(); // it is open again
  await reply.getByRole("time").waitFor();
  expect(await chat.said()).toHaveLength(2);
  await reply.getByRole("heading", { name: "How a message travels" }).waitFor();
  await reply.getByRole("table").waitFor();
  await reply.getByRole("button", { name: "Copy code" }).waitFor();
  expect(await reply.getByRole("link", { name: "Standard Webhooks" }).getAttribute("href")).toMatch(/^https:/);
});

test("/later is answered by callback", async () => {
  const chat = await world().visit(await world().visitor());
  await chat.page.getByRole("button", { name: "Send /later" }).click();
  await untilSaid(chat, ["You: /later please", "Assistant: As promised, a little later. You said: /later please"]);
});

test("/fail is tried again, then kept with a way to send it again", async () => {
  const chat = await world().visit(await world().visitor());
  await chat.page.getByRole("button", { name: "Send /fail" }).click();
  await chat.entry("Could not be delivered").getByRole("button", { name: "Try again" }).waitFor();
  expect(await chat.said()).toEqual(["You: /fail"]);
});

test("the snippet can be copied, and is what puts the chat on a page", async () => {
  const visitor = await world().visitor({ permissions: ["clipboard-read", "clipboard-write"] });
  const { page } = await world().visit(visitor);
  await page.getByRole("button", { name: "Copy", exact: true }).click();
  await page.getByRole("status").getByText("Copied.").waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  expect(copied).toBe(world().snippet);
  await waitFor("the word to go", async () => (await page.getByRole("status").innerText()) === "");
});

test("where the clipboard is not to be had, the snippet is selected", async () => {
  const { page } = await world().visit(await world().visitor());
  await page.evaluate(() => Object.defineProperty(navigator, "clipboard", { value: undefined }));
  await page.getByRole("button", { name: "Copy", exact: true }).click();
  await waitFor("the selection", async () => (await page.evaluate(() => String(getSelection()))) === world().snippet);
  expect(await page.getByRole("status").innerText()).toBe("Selected: copy it with your keyboard.");
});

test.each(["light", "dark"] as const)(
  "axe finds nothing wrong with the page, with all that the sample bot can do: %s",
  async (colorScheme) => {
    const { page } = await world().visit(
      await world().visitor({ colorScheme, bypassCSP: true, reducedMotion: "reduce" }),
    );
    await page.getByRole("button", { name: "Send /long" }).waitFor();
    expect(await axeViolations(page)).toEqual([]);
  },
);
