import { createInbox, type Msg, type MsgHdrs, type NatsConnection } from "@nats-io/transport-node";

/** JetStream's answer to a publish. */
export interface PublishAck {
  streamSequence: number;
  /** The stream had this message already. */
  duplicate: boolean;
}

interface Waiting {
  sinceMs: number;
  resolve: (ack: PublishAck) => void;
  reject: (error: Error) => void;
}

interface AckBody {
  seq?: number;
  duplicate?: boolean;
  error?: { description?: string };
}

const LOOKS_PER_TIMEOUT = 4;
const NO_RESPONDERS = 503;

/** The client's own headers, which check and rewrite each name, take longer than all the rest of a publish. */
function encodedHeaders(headers: Readonly<Record<string, string>>): MsgHdrs {
  const lines = Object.entries(headers).map(([name, value]) => {
    if (/[\r\n]/.test(value)) throw new Error(`the header ${name} has a line end in it`);
    return `${name}: ${value}\r\n`;
  });
  const encoded = Buffer.from(`NATS/1.0\r\n${lines.join("")}\r\n`, "utf8");
  return { encode: () => encoded } as unknown as MsgHdrs; // all that a publish asks of them
}

function parseAck(message: Msg): PublishAck {
  if (message.data.length === 0 && message.headers?.code === NO_RESPONDERS)
    throw new Error("no stream takes the subject");
  const { seq, duplicate, error } = message.json<AckBody>();
  if (error !== undefined || seq === undefined) throw new Error(error?.description ?? "not an acknowledgement");
  return { streamSequence: seq, duplicate: duplicate === true };
}

/**
 * Publishes to JetStream. All acknowledgements come to one subscription, and one timer looks for those that do not come: the
 * client's own publish makes a request of each, with a timer and errors in advance, at three times the cost.
 */
export class StreamPublisher {
  #connection: NatsConnection;
  #timeoutMs: number;
  #inbox = createInbox();
  /** In the order in which they were sent. */
  #waiting = new Map<string, Waiting>();
  #published = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(connection: NatsConnection, timeoutMs: number) {
    this.#connection = connection;
    this.#timeoutMs = timeoutMs;
    connection.subscribe(`${this.#inbox}.*`, { callback: (_error, message) => this.#hear(message) });
    void connection.closed().then(() => this.#giveUp("the connection was closed", Number.POSITIVE_INFINITY));
  }

  /** Settles when the stream has the message, or after the time-out; `Nats-Msg-Id` is the id by which it knows repeats. */
  publish(subject: string, payload: Uint8Array, headers: Readonly<Record<string, string>>): Promise<PublishAck> {
    const { promise, resolve, reject } = Promise.withResolvers<PublishAck>();
    const token = String((this.#published += 1));
    this.#connection.publish(subject, payload, { headers: encodedHeaders(headers), reply: `${this.#inbox}.${token}` });
    this.#waiting.set(token, { sinceMs: performance.now(), resolve, reject });
    this.#timer ??= setInterval(() => this.#giveUpOverdue(), this.#timeoutMs / LOOKS_PER_TIMEOUT);
    return promise;
  }

  #hear(message: Msg): void {
    const token = message.subject.slice(this.#inbox.length + 1);
    const waiting = this.#waiting.get(token);
    if (waiting === undefined) return; // given up
    this.#waiting.delete(token);
    try {
      waiting.resolve(parseAck(message));
    } catch (error) {
      waiting.reject(error instanceof Error ? error : new Error("not an acknowledgement"));
    }
  }

  #giveUpOverdue(): void {
    this.#giveUp("no acknowledgement in time", performance.now() - this.#timeoutMs);
  }

  #giveUp(why: string, sentBeforeMs: number): void {
    for (const [token, { sinceMs, reject }] of this.#waiting) {
      if (sinceMs > sentBeforeMs) break;
      this.#waiting.delete(token);
      reject(new Error(why));
    }
    if (this.#waiting.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
