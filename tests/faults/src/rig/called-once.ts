import type { FakeCall } from "@chat-relay/testkit/fake-n8n";
import { messageIdOf } from "./bot.ts";
import { mustHold } from "./violation.ts";

/** For cases in which no dispatcher is lost: then nothing is a reason for a second call. */
export const CALLED_ONCE = "no message is called twice";

/** Looks for messages that n8n was told more than once. */
export function checkCalledOnce(calls: readonly FakeCall[]): void {
  const again = [...Map.groupBy(calls, messageIdOf)].filter(([, ofMessage]) => ofMessage.length > 1);
  const told = again.map(([messageId, ofMessage]) => {
    const attempts = ofMessage.map(
      (call) => `attempt ${String(call.headers["chat-attempt"])} at ${Math.round(call.receivedAtMs)}`,
    );
    return `${messageId}: ${attempts.join(", ")}`;
  });
  mustHold(CALLED_ONCE, told);
}
