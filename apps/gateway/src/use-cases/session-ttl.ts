import type { ChatConfig } from "@chat-relay/core/config";

/** The inactivity timeout of a session: longer for one that names a user, proven or not. */
export function sessionTtlMs(
  userId: string | null,
  config: Pick<ChatConfig, "sessionTtlGuestMs" | "sessionTtlUserMs">,
): number {
  return userId === null ? config.sessionTtlGuestMs : config.sessionTtlUserMs;
}
