/** What the sample bot reads of a webhook. */
export interface BotMessage {
  messageId: string;
  sessionId: string;
  content: string;
  callbackUrl: string;
}

/** Reads chat-relay's webhook body, or undefined when it is none. */
export function readBotMessage(body: Buffer): BotMessage | undefined {
  const parsed = parseJson(body);
  const data = field(parsed, "data");
  const [messageId, content, callbackUrl] = ["messageId", "content", "callbackUrl"].map((name) => field(data, name));
  const sessionId = field(parsed, "sessionId");
  if (typeof messageId !== "string" || typeof sessionId !== "string") return undefined;
  if (typeof content !== "string" || typeof callbackUrl !== "string" || !URL.canParse(callbackUrl)) return undefined;
  return { messageId, sessionId, content, callbackUrl };
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
