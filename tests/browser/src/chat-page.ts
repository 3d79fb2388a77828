import type { Locator, Page } from "playwright-core";

/** A page with the chat on it, used as a visitor does: by the names and roles of what is there. */
export class ChatPage {
  readonly page: Page;
  /** The button of the closed chat. */
  readonly launcher: Locator;
  readonly panel: Locator;
  readonly closeButton: Locator;
  readonly field: Locator;
  readonly sendButton: Locator;
  /** What scrolls. */
  readonly conversation: Locator;
  /** Its entries. */
  readonly entries: Locator;
  /** What screen readers say by themselves. */
  readonly announcements: Locator;

  constructor(page: Page) {
    this.page = page;
    this.launcher = page.getByRole("button", { name: /^Open chat/ });
    this.panel = page.getByRole("dialog");
    this.closeButton = this.panel.getByRole("button", { name: "Close chat" });
    this.field = this.panel.getByRole("textbox", { name: "Message" });
    this.sendButton = this.panel.getByRole("button", { name: "Send message" });
    this.conversation = this.panel.getByRole("region", { name: "Conversation" });
    this.entries = this.conversation.locator("ol[role=list] > li");
    this.announcements = page.getByRole("log");
  }

  async open(): Promise<void> {
    await this.launcher.click();
    await this.field.waitFor();
  }

  /** Waits until only the launcher is there. */
  async untilClosed(): Promise<void> {
    await this.panel.waitFor({ state: "hidden" });
    await this.launcher.waitFor();
  }

  async send(text: string): Promise<void> {
    await this.field.fill(text);
    await this.field.press("Enter");
  }

  /** The entry that holds the text. */
  entry(text: string): Locator {
    return this.entries.filter({ hasText: text });
  }

  /** Everything that is said, with who says it, in the order of the page. */
  said(): Promise<string[]> {
    return this.entries.evaluateAll((entries) =>
      entries.flatMap((entry) => {
        const text = entry.querySelector(":scope > [dir=auto]");
        return text === null ? [] : [`${entry.firstElementChild?.textContent}${text.textContent?.trim()}`];
      }),
    );
  }
}
