import { streamAnswers } from "@chat-relay/testkit/streamed-answer";
import type { BrowserContext, BrowserContextOptions } from "playwright-core";
import { beforeAll, describe, expect, test } from "vitest";
import { axeViolations } from "./axe.ts";
import { useBrowser } from "./use-browser.ts";

const world = useBrowser(() => ({ CHAT_REPLY_TIMEOUT_MS: "1000", CHAT_MESSAGE_MAX_CHARS: "100" }));

const MARKDOWN = `# A heading

A paragraph with **weight**, *slant*, ~~regret~~, \`code\` and [a link](https://example.com).

1. First
2. Second
   - and below

- [x] done

> Somebody said

\`\`\`js
const answer = 42; // and a line that is so long that the code must be scrolled sideways to read it
\`\`\`

| name | amount |
| :--- | ---: |
| Tea | 3 |

---

The end.`;

type StorageState = Awaited<ReturnType<BrowserContext["storageState"]>>;
let storageState: StorageState;

/** A conversation in which there is a message of every state that lasts. */
async function haveConversation(): Promise<StorageState> {
  const { n8n } = world().stack;
  const visitor = await world().visitor();
  const chat = await world().visit(visitor);
  await chat.open();
  n8n.answerWith(() => ({ body: { output: MARKDOWN } }));
  await chat.send("Answered");
  await chat.entry("The end.").getByRole("time").waitFor();
  n8n.answerWith(() => ({ status: 410 }));
  await chat.send("Failed");
  await chat.entry("Could not be delivered").waitFor();
  n8n.answerWith(() => ({ body: { message: "Workflow was started" } }));
  await chat.send("Unanswered");
  await chat.entry("No reply so far").waitFor();
  await chat.send("x".repeat(101));
  await chat.entry("Not sent").waitFor();
  return visitor.storageState();
}

beforeAll(async () => {
  storageState = await haveConversation();
  await world().endTest();
});

const DESKTOP = { viewport: { width: 1280, height: 800 } };
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };
const LOOKS: [string, BrowserContextOptions][] = [
  ["light", { ...DESKTOP, colorScheme: "light" }],
  ["dark", { ...DESKTOP, colorScheme: "dark" }],
  ["light on a phone", { ...PHONE, colorScheme: "light" }],
  ["dark on a phone", { ...PHONE, colorScheme: "dark" }],
];

describe.each(LOOKS)("axe finds nothing wrong, %s", (look, options) => {
  // Without motion: what fades in has no contrast yet. Axe is no part of the page, hence the bypass.
  const settings: BrowserContextOptions = { ...options, bypassCSP: true, reducedMotion: "reduce" };

  test("with the closed chat and the empty one", async () => {
    const chat = await world().visit(await world().visitor(settings));
    await chat.launcher.waitFor();
    expect(await axeViolations(chat.page)).toEqual([]);
    await chat.open();
    expect(await axeViolations(chat.page)).toEqual([]);
  });

  test("with a conversation of every state, while a reply is written, and offline", async () => {
    const next = streamAnswers(world().stack.n8n);
    const visitor = await world().visitor({ ...settings, storageState });
    const chat = await world().visit(visitor);
    await chat.open();
    await chat.entry("Not sent").waitFor();
    await chat.send("Now");
    const answer = await next();
    await chat.entry("Writing a reply…").waitFor();
    expect(await axeViolations(chat.page)).toEqual([]);
    answer.say(`A **beginning** of\n\n- words ${look}.`);
    await chat.entry(`words ${look}.`).waitFor();
    expect(await axeViolations(chat.page)).toEqual([]);
    answer.end();
    await visitor.setOffline(true);
    await chat.send("Later");
    await chat.field.fill("x".repeat(4_001));
    await chat.panel.getByText("You are offline.").first().waitFor(); // on a phone its announcement is in the panel, too
    expect(await axeViolations(chat.page)).toEqual([]);
  });
});

test("axe would find something: a button without a name, and text that nobody can read", async () => {
  const chat = await world().openChat({ bypassCSP: true, reducedMotion: "reduce" });
  await chat.panel.evaluate((panel) => {
    const button = document.createElement("button");
    const text = document.createElement("p");
    text.textContent = "Faint";
    text.style.cssText = "color: #ddd; background: #fff";
    panel.append(button, text);
  });
  const found = (await axeViolations(chat.page)).map((line) => line.split(":")[0]);
  expect(found).toEqual(expect.arrayContaining(["button-name", "color-contrast"]));
});
