import { beforeEach, expect, test } from "vitest";
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
  await chat.open();
  await untilSaid(chat, ALL);
});

test("a site that the gateway does not know cannot use it: nothing is sent, and the page says so", async () => {
  await using stranger = await startSite();
  world().allow(stranger.origin);
  const chat = await world().openChat({}, stranger.page(`<!doctype html><p>Shop</p>${world().snippet}`));
  await chat.send("Hello from a stranger");
  await chat.panel.getByText("No connection to the chat. Trying again…").waitFor();
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

test("the page's own style does not reach into it", async () => {
  const style = "<style>body { font: 40px serif } * { margin: 9px } button { font-size: 50px; opacity: 0.1 }</style>";
  const chat = await world().openChat({}, world().site.page(`<!doctype html>${style}${world().snippet}`));
  const { fontSize, opacity } = await chat.sendButton.evaluate((button) => {
    const { fontSize, opacity } = getComputedStyle(button);
    return { fontSize, opacity };
  });
  expect({ fontSize, opacity }).toEqual({ fontSize: "15px", opacity: "1" });
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
