import { waitFor } from "@chat-relay/testkit/wait-for";
import { beforeEach, expect, test } from "vitest";
import { hintsOf } from "./hints-of.ts";
import { startSite } from "./site.ts";
import { untilSaid } from "./until-said.ts";
import { useBrowser } from "./use-browser.ts";

const world = useBrowser(({ origin }) => ({ CHAT_ALLOWED_ORIGINS: origin }));

beforeEach(() => {
  world().stack.n8n.answerWith((call) => ({ body: { output: `**Re:** ${call.body.chatInput}` } }));
});

const ALL = ["You: Hello", "Assistant: Re: Hello"];

test("two lines in a page of another site are enough, also after a reload", async () => {
  const chat = await world().openChat({}, world().site.page(`<!doctype html><p>Shop</p>${world().snippet}`));
  await chat.send("Hello");
  await untilSaid(chat, ALL);
  await chat.page.reload();
  await chat.field.waitFor(); // it is open again
  await untilSaid(chat, ALL);
});

test("a site that the gateway does not know cannot use it: nothing is sent, and the page says so", async () => {
  await using stranger = await startSite();
  world().allow(stranger.origin);
  const chat = await world().openChat({}, stranger.page(`<!doctype html><p>Shop</p>${world().snippet}`));
  const hints = hintsOf(chat);
  await chat.send("Hello from a stranger");
  await chat.panel.getByText("No connection to the chat. Trying again…").waitFor();
  await waitFor("a hint for who built the page", () => hints.length > 0);
  expect(hints).toEqual([
    `<chat-relay> ${world().stack.gateway.url} answers, but not to this page. ` +
      `Is ${stranger.origin} in the gateway's CHAT_ALLOWED_ORIGINS?`,
  ]);
  expect(await chat.said()).toEqual(["You: Hello from a stranger"]);
  const { calls } = world().stack.n8n;
  expect(calls.filter((call) => call.body.chatInput === "Hello from a stranger")).toEqual([]);
});

test("a strict policy is enough for it: the gateway's scripts and answers, no style, trusted types", async () => {
  const { url } = world().stack.gateway;
  const policy = [
    "default-src 'none'",
    `script-src ${url}`,
    "style-src 'none'",
    `connect-src ${url}`,
    "require-trusted-types-for 'script'",
    "trusted-types chat-relay",
  ].join("; ");
  const page = world().site.page(`<!doctype html>${world().snippet}`, { "content-security-policy": policy });
  const chat = await world().openChat({}, page);
  await chat.send("Hello");
  await untilSaid(chat, ALL);
  const { width, height } = (await chat.panel.boundingBox()) ?? { width: 0, height: 0 };
  expect(width).toBeGreaterThan(300); // it has its style
  expect(height).toBeGreaterThan(400);
});

test.each([
  "body { font: 40px serif } * { margin: 9px } button { font-size: 50px; opacity: 0.1 }",
  "* { font: italic 40px/3 serif !important; letter-spacing: 9px !important; text-transform: uppercase !important; " +
    "color: rgb(1 2 3) !important; text-align: right !important; visibility: visible !important; --text: rgb(1 2 3) }",
])("the page's own style does not reach into it: %s", async (style) => {
  const looks = async (page: string): Promise<object> => {
    const chat = await world().openChat({}, world().site.page(page));
    await chat.send("Hello");
    await untilSaid(chat, ALL);
    return chat.entry("Assistant: ").evaluate((entry) => {
      const { fontSize, lineHeight, fontStyle, letterSpacing, textTransform, color, textAlign, opacity } =
        getComputedStyle(entry.querySelector("[dir=auto]") ?? entry);
      return { fontSize, lineHeight, fontStyle, letterSpacing, textTransform, color, textAlign, opacity };
    });
  };
  const plain = await looks(`<!doctype html>${world().snippet}`);
  expect(plain).toMatchObject({ fontSize: "15px", fontStyle: "normal" });
  expect(await looks(`<!doctype html><style>${style}</style>${world().snippet}`)).toEqual(plain);
});

test("the panel is open again after a reload if it was open, without the focus, and in this tab only", async () => {
  const visitor = await world().visitor();
  const page = world().site.page(`<!doctype html><p>Shop</p>${world().snippet}`);
  const chat = await world().visit(visitor, page);
  await chat.open();
  await chat.page.reload();
  await chat.field.waitFor();
  expect(await chat.page.evaluate(() => document.activeElement === document.body)).toBe(true);
  await (await world().visit(visitor, page)).untilClosed();
  await chat.closeButton.click();
  await chat.page.reload();
  await chat.untilClosed();
});

test("a page may have the script twice, and put the element in and out of itself", async () => {
  const again = world().snippet.replace("widget.js", "widget.js?again").split("\n")[0];
  const chat = await world().openChat({}, world().site.page(`<!doctype html>${again}${world().snippet}`));
  await chat.send("Hello");
  await untilSaid(chat, ALL);
  await chat.page.locator("chat-relay").evaluate((element) => {
    element.remove();
    document.body.append(element);
  });
  await untilSaid(chat, ALL);
  await chat.send("Again");
  await untilSaid(chat, [...ALL, "You: Again", "Assistant: Re: Again"]);
});

test("the page hears of what happens, and can do what the visitor can", async () => {
  const chat = await world().visit(await world().visitor(), world().site.page(`<!doctype html>${world().snippet}`));
  const heard = await chat.page.evaluateHandle(() => {
    const events: string[] = [];
    const note = ({ type, detail }: CustomEvent): void => {
      events.push([type, detail?.role, detail?.content, detail?.unread].filter((part) => part !== undefined).join(" "));
    };
    for (const name of ["open", "close", "message", "unread"]) {
      document.addEventListener(`chat-relay:${name}`, (event) => note(event as CustomEvent));
    }
    return events;
  });
  await chat.page.locator("chat-relay").evaluate((element) => {
    const own = element as unknown as { open(): void; send(text: string): void };
    own.open();
    own.send("Hello");
  });
  await untilSaid(chat, ALL);
  // All of its text may be shown before it is finished.
  await chat.page.waitForFunction((events) => events.some((event) => event.includes("message assistant")), heard);
  await chat.closeButton.click();
  await chat.untilClosed();
  const { sessionId } = world().stack.n8n.calls.at(-1)?.body ?? {};
  await world().stack.callback("for-the-page", { sessionId, content: "News" });
  await chat.page.getByRole("button", { name: "Open chat, 1 new message" }).waitFor();
  expect(await heard.jsonValue()).toEqual([
    "chat-relay:open",
    "chat-relay:message user Hello",
    "chat-relay:message assistant **Re:** Hello",
    "chat-relay:close",
    "chat-relay:unread 1",
    "chat-relay:message assistant News",
  ]);
});

test("inline it is a part of the page, without a launcher", async () => {
  const page = world().site.page(
    `<!doctype html>${world().snippet.replace("<chat-relay", "<chat-relay inline")}<p>Below</p>`,
  );
  const { page: tab } = await world().visit(await world().visitor(), page);
  await tab.getByRole("textbox", { name: "Message" }).fill("Hello");
  await tab.getByRole("button", { name: "Send message" }).click();
  await tab.getByText("Re: Hello", { exact: true }).waitFor();
  expect(await tab.getByRole("button", { name: /^(?:Open|Close) chat/ }).count()).toBe(0);
  expect(await tab.getByRole("dialog").count()).toBe(0);
  const [field, below] = [tab.getByRole("textbox", { name: "Message" }), tab.getByText("Below")];
  expect((await field.boundingBox())?.y).toBeLessThan((await below.boundingBox())?.y ?? 0);
});
