/** One visitor's message as the trigger puts it out. The names are those that AI Agent and the memory nodes look for. */
export interface ChatMessage {
  sessionId: string;
  chatInput: string;
  action: "sendMessage";
  messageId: string;
  /** Counts the session's messages, replies among them. */
  sequence: number;
  messageType: string;
  /** The session's, overlaid by the message's. */
  metadata: Record<string, unknown>;
  createdAt: string;
  /** `id` is null for a guest; it is proven only when `authenticated`. */
  user: { id: string | null; authenticated: boolean };
  session: { id: string; metadata: Record<string, unknown>; createdAt: string };
  callbackUrl: string;
}

const EVENT_TYPE = "chat.message.sent";

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function objectOr(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {};
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Reads the body of a verified webhook; `undefined` when it is no chat message. What chat-relay may add later is ignored. */
export function readChatMessage(body: Buffer): ChatMessage | undefined {
  const event = objectOr(parse(body));
  const data = objectOr(event["data"]);
  const session = objectOr(data["session"]);
  const { messageId, sequence } = data;
  const { sessionId, chatInput } = event;
  if (event["type"] !== EVENT_TYPE || typeof sessionId !== "string" || typeof chatInput !== "string") return undefined;
  if (typeof messageId !== "string" || typeof sequence !== "number") return undefined;
  const { userId } = session;
  return {
    sessionId,
    chatInput,
    action: "sendMessage",
    messageId,
    sequence,
    messageType: text(data["messageType"]),
    metadata: objectOr(event["metadata"]),
    createdAt: text(data["createdAt"]),
    user: { id: typeof userId === "string" ? userId : null, authenticated: session["authenticated"] === true },
    session: { id: sessionId, metadata: objectOr(session["metadata"]), createdAt: text(session["createdAt"]) },
    callbackUrl: text(data["callbackUrl"]),
  };
}
