import type { ChatPage } from "./chat-page.ts";

/** What the widget tells whoever builds the page, from now on. */
export function hintsOf({ page }: ChatPage): string[] {
  const hints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "warning" && message.text().startsWith("<chat-relay>")) hints.push(message.text());
  });
  return hints;
}
