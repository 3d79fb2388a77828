import type { ChatSnapshot } from "@chat-relay/client";
import type { MessageNote } from "./message-note.ts";

/** No longer than this is "a moment". */
const MOMENT_MS = 60_000;

/** What is said of the way to the gateway; null when there is nothing to say. */
export function connectionNotice(snapshot: ChatSnapshot, isOnline: boolean): MessageNote["text"] | null {
  switch (snapshot.connection) {
    case "idle":
    case "live":
      return null;
    case "connecting":
      return "connecting";
    case "ended":
      return "ended";
    case "offline":
      return isOnline ? reason(snapshot) : "offline";
  }
}

function reason({ problem }: ChatSnapshot): MessageNote["text"] {
  if (problem?.code === "rate_limited") return (problem.retryAfterMs ?? 0) > MOMENT_MS ? "busyForLong" : "busy";
  return problem?.code === "identity" || problem?.status === 401 ? "signInFailed" : "unreachable";
}
