import type { ChatConfig } from "@chat-relay/core/config";
import { eventSubject, STREAM_NAME, type ChatEvent } from "@chat-relay/core/events";
import type { SessionChange } from "@chat-relay/core/session-events";
import { jetstream, jetstreamManager, type JetStreamClient, type JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { connectToNats } from "./connect.ts";
import { BusRefusedError, BusUnavailableError } from "./errors.ts";
import { encodeEvent } from "./event-codec.ts";
import { CONSUMER_NAME, ensureProvisioned, type ProvisionLimits } from "./provision.ts";
import { checkServer } from "./server-check.ts";
import { announceChange } from "./session-feed.ts";
import { StreamPublisher, type PublishAck } from "./stream-publisher.ts";

export type BusOptions = ProvisionLimits &
  Pick<ChatConfig, "natsUrl" | "publishTimeoutMs"> & {
    /** Name of the connection, as the server's monitoring shows it. */
    name: string;
    onStatus?: (event: "connected" | "disconnected" | "unreachable" | "refused", detail: string) => void;
  };

export interface BusState {
  pending: number;
  ackPending: number;
  redelivered: number;
  firstSequence: number;
  lastSequence: number;
  deliveredSequence: number;
}

export interface BusClient {
  connection: NatsConnection;
  js: JetStreamClient;
  jsm: JetStreamManager;
  publisher: StreamPublisher;
}

/** JetStream as chat-relay uses it. Connects in the background and stays connected. */
export interface Bus extends AsyncDisposable {
  readonly connected: boolean;
  /** Settles when the server was found fit; rejects with `BusRefusedError` when it is not. */
  readonly ready: Promise<void>;
  /** Publishes and waits for the stream's acknowledgement; at once `BusUnavailableError` while disconnected. */
  publish(event: ChatEvent): Promise<PublishAck>;
  /**
   * Tells those who follow the session of a committed change, and does not wait for anything: what is lost on the way they
   * find in PostgreSQL.
   */
  announce(change: SessionChange): void;
  /** A real round trip to stream and consumer. */
  state(): Promise<BusState>;
  /** Makes a stream or consumer that has vanished. */
  heal(): Promise<void>;
  /** Calls back after each (re)connection; returns the way to stop that. */
  onConnected(listener: () => void): () => void;
  /** For this package. */
  client(): BusClient;
}

// While a cluster elects a leader, what it is asked is lost: better asked anew soon than waited for.
const MANAGE_TIMEOUT_MS = 2_000;
const FLUSH_MS = 1_000;
const REOPEN_MS = 1_000;

/** Sends what is buffered, acknowledgements for instance; a server that went away just now must not hold up the end. */
async function flushWithin(connection: NatsConnection, timeoutMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, timeoutMs);
  await Promise.race([connection.flush().catch(() => undefined), promise]);
  clearTimeout(timer);
}

class NatsBus implements Bus {
  readonly ready: Promise<void>;
  #options: BusOptions;
  #connection: NatsConnection | undefined;
  #js: JetStreamClient | undefined;
  #jsm: JetStreamManager | undefined;
  #publisher: StreamPublisher | undefined;
  #connected = false;
  #closing = new AbortController();
  #listeners = new Set<() => void>();

  constructor(options: BusOptions) {
    this.#options = options;
    this.ready = this.#open();
    // Whoever awaits `ready` gets the error; without a listener it must not end the process.
    this.ready.catch(() => undefined);
  }

  get connected(): boolean {
    return this.#connected;
  }

  async #open(): Promise<void> {
    const connection = await connectToNats({
      servers: this.#options.natsUrl,
      name: this.#options.name,
      signal: this.#closing.signal,
      onFailure: (reason) => this.#options.onStatus?.("unreachable", reason),
    });
    if (this.#closing.signal.aborted) return connection.close();
    this.#connection = connection;
    checkServer(connection);
    this.#js = jetstream(connection);
    this.#publisher = new StreamPublisher(connection, this.#options.publishTimeoutMs);
    this.#jsm = await jetstreamManager(connection, { checkAPI: false, timeout: MANAGE_TIMEOUT_MS });
    void this.#watch(connection);
    this.#setConnected(true, connection.getServer());
    await this.#healUntilDone();
    void connection.closed().then(() => (this.#closing.signal.aborted ? undefined : this.#reopen()));
  }

  /** The client is told never to give up; should it all the same, there is a new one. */
  async #reopen(): Promise<void> {
    this.#setConnected(false, "the connection was closed");
    while (!this.#closing.signal.aborted) {
      try {
        return await this.#open();
      } catch (error) {
        this.#options.onStatus?.("refused", error instanceof Error ? error.message : "unknown error");
        await this.#connection?.close();
        await new Promise((resolve) => setTimeout(resolve, REOPEN_MS));
      }
    }
  }

  async #healUntilDone(): Promise<void> {
    for (;;) {
      try {
        return await this.heal();
      } catch (error) {
        if (error instanceof BusRefusedError || this.#closing.signal.aborted) throw error;
        await new Promise((resolve) => setTimeout(resolve, 500)); // no leader yet, or just gone again
      }
    }
  }

  async #watch(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type === "disconnect") this.#setConnected(false, status.server);
      if (status.type === "reconnect") await this.#reconnected(status.server);
    }
  }

  // The server may have come back with an empty store.
  async #reconnected(server: string): Promise<void> {
    this.#connected = true;
    await this.heal().catch((error: unknown) => {
      if (error instanceof BusRefusedError) this.#options.onStatus?.("refused", error.message);
    });
    this.#setConnected(true, server);
  }

  #setConnected(connected: boolean, server: string): void {
    this.#connected = connected;
    this.#options.onStatus?.(connected ? "connected" : "disconnected", server);
    if (connected) for (const listener of this.#listeners) listener();
  }

  client(): BusClient {
    const [connection, js, jsm, publisher] = [this.#connection, this.#js, this.#jsm, this.#publisher];
    if (!this.#connected || !connection || !js || !jsm || !publisher) {
      throw new BusUnavailableError("NATS is not connected");
    }
    return { connection, js, jsm, publisher };
  }

  async publish(event: ChatEvent): Promise<PublishAck> {
    const { publisher } = this.client();
    const { headers, payload } = encodeEvent(event, this.#options.streamMessageMaxBytes);
    try {
      return await publisher.publish(eventSubject(event.type, event.sessionId), payload, headers);
    } catch (error) {
      throw new BusUnavailableError("JetStream did not confirm a publish", { cause: error });
    }
  }

  announce(change: SessionChange): void {
    if (!this.#connected || this.#connection === undefined) return;
    try {
      announceChange(this.#connection, change, this.#options.streamMessageMaxBytes);
    } catch {
      // Closed just now, or a server that takes less than we were told: the change is committed all the same.
    }
  }

  async state(): Promise<BusState> {
    const { jsm } = this.client();
    try {
      const [stream, consumer] = await Promise.all([
        jsm.streams.info(STREAM_NAME),
        jsm.consumers.info(STREAM_NAME, CONSUMER_NAME),
      ]);
      return {
        pending: consumer.num_pending,
        ackPending: consumer.num_ack_pending,
        redelivered: consumer.num_redelivered,
        firstSequence: stream.state.first_seq,
        lastSequence: stream.state.last_seq,
        deliveredSequence: consumer.delivered.stream_seq,
      };
    } catch (error) {
      throw new BusUnavailableError("JetStream did not answer", { cause: error });
    }
  }

  async heal(): Promise<void> {
    await ensureProvisioned(this.client().jsm, this.#options);
  }

  onConnected(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    const connection = this.#connection;
    // Not drain(): what was published is acknowledged or stays in the outbox, and drain waits for a server that may be away.
    if (connection !== undefined && this.#connected) await flushWithin(connection, FLUSH_MS);
    this.#connected = false;
    await connection?.close();
  }
}

/** Opens the bus without waiting for the server. */
export function openBus(options: BusOptions): Bus {
  return new NatsBus(options);
}
