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
    return (await this.#earlier()) ?? (await this.#accept());
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

  async #accept(): Promise<SendResult> {
    const { outbox } = this.#context;
    const result = await outbox.admit(
      () => this.#takeTurn(),
      (sent) => sent.kind === "accepted",
    );
    if (result !== undefined) return result;
    throw new ChatError("unavailable", "Too many messages wait to be passed on; try again", {
      retryAfterSeconds: FULL_RETRY_SECONDS,
    });
  }

  async #takeTurn(): Promise<SendResult> {
    const { messagesGate } = this.#context;
    const { sessionId } = this.#request.session;
    const taken = await messagesGate.take(sessionId, this.#tell);
    if (taken?.allowed === false) {
      // At another gateway the first send with this key may have used the last of the window, just now.
      const earlier = await this.#earlier();
      if (earlier !== undefined) return earlier;
      throw messagesGate.refusal(taken);
    }
    return this.#settle(await this.#commit());
  }

  #commit(): Promise<Acceptance> {
    const { config, database } = this.#context;
    const { session, content, messageType, metadata, idempotencyKey } = this.#request;
    return acceptMessage(database, {
      id: newId(),
      sessionId: session.sessionId,
      content,
      messageType,
      metadata,
      idempotencyKey,
      callbackUrl: config.callbackUrl,
      sessionTtlMs: sessionTtlMs(session.userId, config),
    });
  }

  async #settle(acceptance: Acceptance): Promise<SendResult> {
    switch (acceptance.kind) {
      case "session_over":
        throw new ChatError("session_expired", "The session has expired or was ended");
      case "duplicate_key":
        return this.#lostRace();
      case "accepted":
        return this.#announce(acceptance);
    }
  }

  async #lostRace(): Promise<SendResult> {
    await this.#context.messagesGate.giveBack(this.#request.session.sessionId);
    const earlier = await this.#earlier();
    if (earlier === undefined) throw new Error("a message whose key is taken was not found");
    return earlier;
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
  const send = new Send(context, request, tell);
  const { session, idempotencyKey } = request;
  if (idempotencyKey === null) return send.run();
  return context.sameKey.run(`${session.sessionId} ${idempotencyKey}`, () => send.run());
}
