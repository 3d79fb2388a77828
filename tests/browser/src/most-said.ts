import type { ChatPage } from "./chat-page.ts";

/** Notes from now on how many messages are on the page, and gives the most that were ever there at once. */
export async function mostSaid({ conversation }: ChatPage): Promise<() => Promise<number>> {
  const most = await conversation.evaluateHandle((scroller) => {
    const seen = { count: 0 };
    const look = (): void => {
      seen.count = Math.max(seen.count, scroller.querySelectorAll("ol > li > [dir=auto]").length);
    };
    new MutationObserver(look).observe(scroller, { childList: true, subtree: true });
    look();
    return seen;
  });
  return async () => (await most.jsonValue()).count;
}
