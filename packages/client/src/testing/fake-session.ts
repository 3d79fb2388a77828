import type { ServerResponse } from "node:http";
import type { ChatMessage, ChatSession, MessageStatus, ReplyDelta } from "../wire.ts";

interface LoggedEvent {
  id: string;
  type: string;
  data: object;
}

/** One session of the fake gateway: its messages, its events and its open streams. */
export class FakeSession {
  readonly info: ChatSession;
  readonly token: string;
  readonly messages: ChatMessage[] = [];
  readonly keys = new Map<string, ChatMessage>();
  readonly streams = new Set<ServerResponse>();
  /** Text so far of replies under way, told to each stream that opens: by message and block. */
  readonly texts = new Map<string, ReplyDelta>();
  /** Whether accepted messages are told to the streams before their send is answered. */
  tellsFirst = true;
  #log: LoggedEvent[] = [];
  #madeIds = 0;

  constructor(id: string, token: string, body: { userId?: string; metadata?: object }) {
    this.token = token;
    this.info = {
      sessionId: id,
      authenticated: "userToken" in body,
      userId: body.userId ?? null,
      metadata: { ...body.metadata },
      createdAt: new Date().toISOString(),
      expiresAt: new Date(Date.now() + 86_400_000).toISOString(),
      status: "active",
    };
  }

  get lastEventId(): string {
    return this.#log.at(-1)?.id ?? `${this.info.sessionId}.0`;
  }

  /** A visitor's message; told to the streams unless `isTold` says otherwise. */
  say(
    content: string,
    { key, metadata = {}, isTold = true }: { key?: string; metadata?: object; isTold?: boolean } = {},
  ): ChatMessage {
    const message = this.#add({ role: "user", content, status: "queued", replyTo: null, metadata });
    if (key !== undefined) this.keys.set(key, message);
    if (isTold) this.emit("message", message);
    return message;
  }

  reply(replyTo: string | null, content: string): ChatMessage {
    const message = this.#add({ role: "assistant", content, status: "received", replyTo, metadata: {} });
    if (replyTo !== null) this.#forgetText(replyTo);
    this.emit("message", message);
    if (replyTo !== null) this.setStatus(replyTo, "answered");
    return message;
  }

  setStatus(messageId: string, status: MessageStatus, attempts = 1): void {
    const index = this.messages.findIndex(({ id }) => id === messageId);
    const message = this.messages[index];
    if (message !== undefined) this.messages[index] = { ...message, status };
    this.emit("status", { messageId, status, attempts });
  }

  delta(replyTo: string, offset: number, content: string, block = 0): void {
    const place = `${replyTo} ${block}`;
    const text = (this.texts.get(place)?.content ?? "").slice(0, offset) + content;
    this.texts.set(place, { replyTo, block, offset: 0, content: text });
    this.write(frame("delta", { replyTo, block, offset, content }));
  }

  /** A numbered event, to those who listen and those who come back. */
  emit(type: string, data: object): void {
    const event = { id: `${this.info.sessionId}.${this.#log.length + 1}`, type, data };
    this.#log.push(event);
    this.write(frame(type, data, event.id));
  }

  /** Bytes as they are, to all open streams. */
  write(bytes: string | Uint8Array): void {
    for (const stream of this.streams) stream.write(bytes);
  }

  /** Ends the session. */
  end(): void {
    this.info.status = "ended";
    this.write(frame("end", {}));
    this.closeStreams();
  }

  closeStreams(): void {
    for (const stream of this.streams) stream.end();
  }

  /** Streams end in the middle of whatever they were writing. */
  cutStreams(): void {
    for (const stream of this.streams) stream.destroy();
  }

  /** What a stream that opens is told first. */
  opening(lastEventId: string | undefined, retryMs: number): string {
    const from = this.#log.findIndex(({ id }) => id === lastEventId);
    const isKnown = lastEventId === undefined || from >= 0 || lastEventId === `${this.info.sessionId}.0`;
    const missed = lastEventId !== undefined && isKnown ? this.#log.slice(from + 1) : [];
    const readyId = lastEventId !== undefined && isKnown ? lastEventId : this.lastEventId;
    return [
      `retry: ${retryMs}\n\n`,
      frame("ready", { sessionId: this.info.sessionId }, readyId),
      ...(isKnown ? [] : [frame("reset", {}, readyId)]),
      ...missed.map(({ type, data, id }) => frame(type, data, id)),
      ...[...this.texts.values()].map((delta) => frame("delta", delta)),
    ].join("");
  }

  page(messages: ChatMessage[], size: number): object {
    const shown = messages.slice(-size);
    const [first, last] = [shown[0], shown.at(-1)];
    const pageInfo = {
      hasMore: messages.length > shown.length,
      before: first === undefined ? null : `c${first.sequence}`,
      after: last === undefined ? null : `c${last.sequence}`,
    };
    return { messages: shown, pageInfo };
  }

  #forgetText(replyTo: string): void {
    for (const [place, text] of this.texts) if (text.replyTo === replyTo) this.texts.delete(place);
  }

  #add(parts: Pick<ChatMessage, "role" | "content" | "status" | "replyTo"> & { metadata: object }): ChatMessage {
    this.#madeIds += 1;
    const message: ChatMessage = {
      id: `${this.info.sessionId}-m${this.#madeIds}`,
      sessionId: this.info.sessionId,
      sequence: this.messages.length + 1,
      messageType: "text",
      createdAt: new Date().toISOString(),
      ...parts,
      metadata: parts.metadata as ChatMessage["metadata"],
    };
    this.messages.push(message);
    return message;
  }
}

/** One event as it goes over the wire. */
export function frame(type: string, data: object, id?: string): string {
  return `event: ${type}\n${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
}
