import { streamAnswers } from "@chat-relay/testkit/streamed-answer";
import type { BrowserContextOptions, Locator } from "playwright-core";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { describe, expect, test } from "vitest";
import type { ChatPage } from "./chat-page.ts";
import { hasFocus } from "./has-focus.ts";
import { untilFocused } from "./until-focused.ts";
import { untilSaid } from "./until-said.ts";
import { useBrowser } from "./use-browser.ts";

const world = useBrowser(({ origin }) => ({ CHAT_ALLOWED_ORIGINS: origin }));

const PHONE: BrowserContextOptions = {
  viewport: { width: 390, height: 844 },
  isMobile: true,
  hasTouch: true,
  deviceScaleFactor: 2,
};

async function boxOf(locator: Locator): Promise<{ x: number; y: number; width: number; height: number }> {
  const box = await locator.boundingBox();
  if (box === null) throw new Error(`${String(locator)} has no box`);
  return box;
}

/** A page of another site, with these attributes on the element and on the document. */
async function openOn(
  attributes: { html?: string; chat?: string },
  options?: BrowserContextOptions,
): Promise<ChatPage> {
  const viewport = '<meta name="viewport" content="width=device-width, initial-scale=1">';
  const snippet = world().snippet.replace("<chat-relay", `<chat-relay ${attributes.chat ?? ""}`);
  const page = world().site.page(`<!doctype html><html ${attributes.html ?? ""}>${viewport}<p>Shop</p>${snippet}`);
  return world().visit(await world().visitor(options), page);
}

describe("on a phone", () => {
  const WIDE = `${"Donaudampfschifffahrt".repeat(10)}\n\n\`\`\`\n${"wide ".repeat(60)}\n\`\`\`\n\n| ${"cell | ".repeat(20)}\n| ${"-- | ".repeat(20)}`;

  test("the open panel covers the screen, the field is in sight, and nothing makes the page wider", async () => {
    world().stack.n8n.answerWith(() => ({ body: { output: WIDE } }));
    const chat = await world().openChat(PHONE);
    await chat.send("x".repeat(300));
    await chat.entry("Assistant: Donau").getByRole("time").waitFor();
    await waitFor("the panel to cover the screen", async () => {
      const { x, y, width, height } = await boxOf(chat.panel);
      return x === 0 && y === 0 && width === 390 && height === 844;
    });
    const field = await boxOf(chat.field);
    expect(field.y + field.height).toBeLessThan(844);
    expect(await chat.page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    // Each text on its own: an entry's containment hides from the conversation what sticks out of it.
    const cutOff = await chat.entries
      .locator(":scope > [dir=auto]")
      .evaluateAll((texts) => texts.filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth).length);
    expect(cutOff).toBe(0);
  });

  test("the field does not get the focus by itself, whose keyboard would cover half of it", async () => {
    const chat = await world().openChat(PHONE);
    await untilFocused(chat.panel);
    await chat.closeButton.tap();
    await chat.untilClosed();
    expect(await hasFocus(chat.launcher)).toBe(true);
  });
});

test("at 400 % the panel takes the whole window, and one can still read and write", async () => {
  world().stack.n8n.answerWith(() => ({ body: { output: "Hi" } }));
  const chat = await world().openChat({ viewport: { width: 320, height: 256 } });
  await chat.send("Hello");
  await untilSaid(chat, ["You: Hello", "Assistant: Hi"]);
  const [panel, field, conversation] = [chat.panel, chat.field, chat.conversation].map(boxOf);
  expect(await panel).toEqual({ x: 0, y: 0, width: 320, height: 256 });
  expect((await field)?.y).toBeLessThan(220);
  expect((await conversation)?.height).toBeGreaterThan(80);
});

describe("from right to left", () => {
  test("on such a page everything is mirrored, and a text keeps its own direction", async () => {
    world().stack.n8n.answerWith(() => ({ body: { output: "Hello, this is English." } }));
    const chat = await openOn(
      { html: 'dir="rtl" lang="ar"', chat: 'lang="en"' },
      { viewport: { width: 1280, height: 800 } },
    );
    expect((await boxOf(chat.launcher)).x).toBeLessThan(100);
    await chat.open();
    const panel = await boxOf(chat.panel);
    expect(panel.x).toBeLessThan(100);
    await chat.send("مرحبا بكم");
    await chat.entry("Hello, this is English.").getByRole("time").waitFor();
    const [own, reply] = [chat.entries.getByText("مرحبا بكم"), chat.entries.getByText("Hello, this is English.")];
    expect((await boxOf(own)).x).toBeLessThan(panel.x + 100); // one's own are at the end: here the left
    const close = await boxOf(chat.closeButton);
    expect(close.x).toBeLessThan(panel.x + 100);
    expect(await reply.evaluate((element) => getComputedStyle(element).unicodeBidi)).toBe("plaintext");
  });
});

const LANGUAGES: [string, string, string][] = [
  ["de", "Chat öffnen", "Nachricht"],
  ["es", "Abrir el chat", "Mensaje"],
  ["fr", "Ouvrir le chat", "Message"],
  ["zh-CN", "打开聊天", "消息"],
  ["pt", "Open chat", "Message"],
];

describe("language", () => {
  test.each(LANGUAGES)("%s by the element's lang attribute: %s", async (lang, open, field) => {
    const { page } = await openOn({ html: 'lang="en"', chat: `lang="${lang}"` });
    await page.getByRole("button", { name: open }).click();
    await page.getByRole("dialog").getByRole("textbox", { name: field, exact: true }).waitFor();
    expect(await page.getByRole("textbox", { name: field, exact: true }).isVisible()).toBe(true);
  });

  test("by the page's, else by the browser's", async () => {
    const german = await openOn({ html: 'lang="de-AT"' }, { locale: "fr" });
    await german.page.getByRole("button", { name: "Chat öffnen" }).waitFor();
    const french = await openOn({}, { locale: "fr" });
    await french.page.getByRole("button", { name: "Ouvrir le chat" }).waitFor();
    expect(await french.page.getByRole("button", { name: "Chat öffnen" }).count()).toBe(0);
  });

  test("the page's own texts take the place of those of the language", async () => {
    const chat = await openOn({ chat: 'greeting="Moin!" heading="Hafen"' });
    await chat.page.locator("chat-relay").evaluate((element) => Object.assign(element, { texts: { send: "Ahoy" } }));
    await chat.open();
    await chat.panel.getByText("Moin!").waitFor();
    await chat.panel.getByRole("button", { name: "Ahoy" }).waitFor();
    expect(await chat.page.getByRole("dialog", { name: "Hafen" }).isVisible()).toBe(true);
  });
});

describe("motion", () => {
  /** Everything in the chat that moves, once in a conversation where a reply is expected. */
  async function movingParts(reducedMotion: "reduce" | "no-preference"): Promise<number> {
    const next = streamAnswers(world().stack.n8n);
    const chat = await world().openChat({ reducedMotion });
    await chat.send("Hello");
    const answer = await next();
    await chat.entry("Writing a reply…").waitFor();
    const count = await chat.panel.evaluate((panel) => (panel.getRootNode() as ShadowRoot).getAnimations().length);
    answer.end();
    return count;
  }

  test("there is none for those who do not want it", async () => {
    expect(await movingParts("reduce")).toBe(0);
    expect(await movingParts("no-preference")).toBeGreaterThan(0);
  });
});

describe("dark and light", () => {
  /** 0 is black, 255 white. */
  const brightness = (chat: ChatPage): Promise<number> =>
    chat.panel.evaluate((panel) =>
      Math.max(...(getComputedStyle(panel).backgroundColor.match(/\d+/g) ?? []).map(Number)),
    );

  test.each([
    ["the system's", "light", "", true],
    ["the system's", "dark", "", false],
    ["the page's", "light", 'theme="dark"', false],
    ["the page's", "dark", 'theme="light"', true],
  ] as const)("%s choice counts: %s %s", async (_whose, colorScheme, chat, isLight) => {
    const opened = await openOn({ chat }, { colorScheme });
    await opened.open();
    const seen = await brightness(opened);
    expect(isLight ? seen > 200 : seen < 60).toBe(true);
  });
});
