import { ChatError } from "@chat-relay/core/errors";
import { newId } from "@chat-relay/core/ids";
import type { ChatMessage } from "@chat-relay/core/message";
import type { ChatSession } from "@chat-relay/core/session";
import { acceptMessage, type Acceptance } from "@chat-relay/database/accept-message";
import { findMessageByKey } from "@chat-relay/database/read-messages";
import type { GatewayContext } from "../gateway-context.ts";
import type { HeaderSink } from "../rate-gate.ts";
import { isSameMessage, type MessageContent } from "./same-message.ts";
import { sessionTtlMs } from "./session-ttl.ts";

export interface SendRequest extends MessageContent {
  session: ChatSession;
  idempotencyKey: string | null;
  traceparent: string;
}

export type SendResult = { kind: "accepted"; message: ChatMessage } | { kind: "duplicate"; message: ChatMessage };

const FULL_RETRY_SECONDS = 5;

/** One send under way. */
class Send {
  #context: GatewayContext;
  #request: SendRequest;
  #tell: HeaderSink;

  constructor(context: GatewayContext, request: SendRequest, tell: HeaderSink) {
    this.#context = context;
    this.#request = request;
    this.#tell = tell;
  }

  async run(): Promise<SendResult> {
    const { outbox } = this.#context;
    const result = await outbox.admit(
      () => this.#take(),
      (sent) => sent.kind === "accepted",
    );
    if (result !== undefined) return result;
    const earlier = await this.#earlier(); // a repeat needs no room
    if (earlier !== undefined) return earlier;
    throw new ChatError("unavailable", "Too many messages wait to be passed on; try again", {
      retryAfterSeconds: FULL_RETRY_SECONDS,
    });
  }

  async #take(): Promise<SendResult> {
    const acceptance = await this.#commit();
    switch (acceptance.kind) {
      case "session_over":
        throw new ChatError("session_expired", "The session has expired or was ended");
      case "limited":
        throw this.#context.messagesGate.refuse(acceptance.limit, this.#tell);
      case "duplicate_key":
        return this.#repeated();
      case "accepted":
        this.#context.messagesGate.tell(acceptance.limit, this.#tell);
        return this.#announce(acceptance);
    }
  }

  #commit(): Promise<Acceptance> {
    const { config, database, messagesGate } = this.#context;
    const { session, content, messageType, metadata, idempotencyKey } = this.#request;
    const message = {
      id: newId(),
      sessionId: session.sessionId,
      content,
      messageType,
      metadata,
      idempotencyKey,
      callbackUrl: config.callbackUrl,
      sessionTtlMs: sessionTtlMs(session.userId, config),
    };
    return acceptMessage(database, message, messagesGate.limiter);
  }

  async #repeated(): Promise<SendResult> {
    const earlier = await this.#earlier();
    if (earlier === undefined) throw new Error("a message whose key is taken was not found");
    return earlier;
  }

  /** The first message with this key, if there is one. A repeat is told how the limit stands and takes nothing of it. */
  async #earlier(): Promise<SendResult | undefined> {
    const { session, idempotencyKey } = this.#request;
    if (idempotencyKey === null) return undefined;
    const message = await findMessageByKey(this.#context.database, session.sessionId, idempotencyKey);
    if (message === undefined) return undefined;
    await this.#context.messagesGate.show(session.sessionId, this.#tell);
    if (!isSameMessage(this.#request, message)) {
      throw new ChatError(
        "idempotency_mismatch",
        "An earlier message of this session has this key and is not the same",
      );
    }
    this.#context.metrics.duplicates.inc();
    return { kind: "duplicate", message };
  }

  #announce({ message, epoch, change }: Extract<Acceptance, { kind: "accepted" }>): SendResult {
    const { metrics, publisher } = this.#context;
    metrics.accepted.inc();
    // Not awaited: committed is accepted, and what this misses the sweep finds.
    if (epoch !== null) publisher.publishTokens([{ message, epoch }], this.#request.traceparent);
    publisher.publishChanges([change]);
    return { kind: "accepted", message };
  }
}

/** Accepts a visitor's message once: a repeat with the same key gets the first one as it is now. */
export function sendMessage(context: GatewayContext, request: SendRequest, tell: HeaderSink): Promise<SendResult> {
  return new Send(context, request, tell).run();
}
