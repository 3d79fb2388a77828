import { waitFor } from "@chat-relay/testkit/wait-for";
import type { ChatPage } from "./chat-page.ts";

/** Waits until exactly this is said on the page. */
export async function untilSaid(
  chat: Pick<ChatPage, "said">,
  expected: readonly string[],
  timeoutMs?: number,
): Promise<void> {
  let said: string[] = [];
  const isSaid = async (): Promise<boolean> => {
    said = await chat.said();
    return said.length === expected.length && said.every((text, index) => text === expected[index]);
  };
  await waitFor("the conversation", isSaid, timeoutMs).catch(() => {
    throw new Error(`said: ${JSON.stringify(said)}, instead of: ${JSON.stringify(expected)}`);
  });
}
