import type { Locator, Page } from "playwright-core";
import type { Site } from "./site.ts";

const FOLDER = "/n8n-chat";

/** Options of n8n's `createChat`. */
export interface N8nChatOptions {
  webhookUrl: string;
  enableStreaming?: boolean;
  allowFileUploads?: boolean;
}

/** A page as n8n's own instructions have it, of which only `webhookUrl` is another. Returns its address. */
export function n8nPage(site: Site, options: N8nChatOptions): string {
  site.folder(FOLDER, new URL("dist/", import.meta.resolve("@n8n/chat/package.json")));
  return site.page(`<!doctype html>
<title>Shop</title>
<h1>Shop</h1>
<link href="${FOLDER}/style.css" rel="stylesheet" />
<script type="module">
  import { createChat } from '${FOLDER}/chat.bundle.es.js';
  createChat(${JSON.stringify(options)});
</script>`);
}

/** n8n's widget, used as a visitor does. It has few names and roles: what it shows is found by its class names. */
export class N8nChat {
  readonly page: Page;
  readonly field: Locator;
  #messages: Locator;

  constructor(page: Page) {
    this.page = page;
    this.field = page.getByPlaceholder("Type your question..");
    this.#messages = page.locator(".chat-message:not(.chat-message-typing)");
  }

  /** Opens the window. */
  async open(): Promise<void> {
    await this.page.locator(".chat-window-toggle").click();
    await this.field.waitFor();
  }

  async send(text: string): Promise<void> {
    await this.field.fill(text);
    await this.field.press("Enter");
  }

  /** Everything that is said after the greeting, with who says it. */
  async said(): Promise<string[]> {
    const all = await this.#messages.evaluateAll((messages) =>
      messages.map((message) => {
        const who = message.classList.contains("chat-message-from-user") ? "You" : "Bot";
        return `${who}: ${message.textContent.trim()}`;
      }),
    );
    return all.filter((text) => !text.startsWith("Bot: Hi there!") && !text.startsWith("Bot: My name is Nathan"));
  }
}
