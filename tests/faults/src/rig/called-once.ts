import type { FakeCall } from "@chat-relay/testkit/fake-n8n";
import { messageIdOf } from "./bot.ts";
import { mustHold } from "./violation.ts";

/** For cases in which no dispatcher is lost: then nothing is a reason for a second call. */
export const CALLED_ONCE = "no message is called twice";

/** Looks for messages that n8n was told more than once. */
export function checkCalledOnce(calls: readonly FakeCall[]): void {
  const seen = new Set<string>();
  const again = calls.map(messageIdOf).filter((id) => seen.size === seen.add(id).size);
  mustHold(CALLED_ONCE, again);
}
