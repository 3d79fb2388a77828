import { STREAM_NAME, type ChatEvent } from "@chat-relay/core/events";
import type { ConsumerInfo, ConsumerMessages, JsMsg } from "@nats-io/jetstream";
import type { Bus } from "./bus.ts";
import { BusRefusedError } from "./errors.ts";
import { decodeEvent } from "./event-codec.ts";
import { CONSUMER_NAME } from "./provision.ts";

/** What became of a work token. The one place where this turns into an answer to JetStream is `answer`. */
export type Outcome =
  /** Settled in PostgreSQL. */
  | { kind: "done" }
  /** Its work is settled already, or no longer this token's. */
  | { kind: "not_mine" }
  /** To be redelivered, not before the delay. */
  | { kind: "retry"; afterMs: number }
  /** Can never be handled. */
  | { kind: "reject"; reason: string };

export interface ConsumerOptions {
  bus: Bus;
  /** How many lanes there are, now; 0 pauses. */
  limit: () => number;
  /**
   * Handles a token in a lane of its own, which `leaveLane` gives back early: what is left to do then holds nobody up. Must
   * not throw for an expected failure; what it throws is retried after `errorDelayMs`.
   */
  handle: (event: ChatEvent, leaveLane: () => void) => Promise<Outcome>;
  /** Runs before the tokens under way are reported as such, every third of `ackWaitMs`. */
  heartbeat: () => Promise<void>;
  ackWaitMs: number;
  errorDelayMs: () => number;
  onError: (error: unknown, during: "fetch" | "handle" | "heartbeat") => void;
}

const FETCH_EXPIRES_MS = 2_000;
const FETCH_HEARTBEAT_MS = 500;
const PAUSE_MS = 250;
/** While work waits, lanes come free one by one: so long a lane waits for others to be fetched for. */
const GATHER_MS = 5;
/** Tokens that are handled at once, lanes given back early included, for each lane. */
const MOST_PER_LANE = 2;

function answer(message: JsMsg, outcome: Outcome): void {
  switch (outcome.kind) {
    case "done":
    case "not_mine":
      return message.ack();
    case "retry":
      return message.nak(Math.max(1, Math.ceil(outcome.afterMs))); // without a delay it would come back at once, forever
    case "reject":
      return message.term(outcome.reason);
  }
}

/**
 * Pulls work tokens, as many as there are free lanes: what is fetched beyond them would wait here, hidden from other
 * dispatchers. A loop of short fetches finds its way back after a lost connection or leader within seconds.
 */
export class Consumer {
  #options: ConsumerOptions;
  #inFlight = new Map<JsMsg, Promise<void>>();
  /** Lanes that are taken. */
  #taken = 0;
  #requested = 0;
  /** Fetches that are being opened or read. */
  #fetching = 0;
  #gatherUntilMs: number | undefined;
  #info: ConsumerInfo | undefined;
  #wake = Promise.withResolvers<void>();

  constructor(options: ConsumerOptions) {
    this.#options = options;
  }

  /** Tells the consumer that its limit may have changed. */
  wake(): void {
    this.#wake.resolve();
  }

  /** Pulls until the signal; returns when what was under way is answered. */
  async run(signal: AbortSignal): Promise<void> {
    const beat = setInterval(() => void this.#beat(), this.#options.ackWaitMs / 3);
    signal.addEventListener("abort", () => this.wake(), { once: true });
    try {
      while (!signal.aborted) await this.#turn(signal);
      await this.#idle();
    } finally {
      clearInterval(beat);
    }
  }

  async #idle(): Promise<void> {
    // A fetch runs out by itself, also when the server is silent: everything that it asks has a time limit.
    while (this.#inFlight.size > 0 || this.#fetching > 0) {
      await this.#nextWake(PAUSE_MS); // each handler and each fetch wakes us as it ends
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const limit = this.#options.limit();
    const room = Math.min(limit - this.#taken, MOST_PER_LANE * limit - this.#inFlight.size);
    const free = room - this.#requested;
    const delayMs = this.#fetchDelayMs(free, limit);
    if (delayMs !== 0) return this.#nextWake(delayMs ?? FETCH_EXPIRES_MS);
    this.#gatherUntilMs = undefined;
    if (this.#options.bus.connected) void this.#fetch(free, signal);
    await this.#nextWake(PAUSE_MS);
  }

  /** Few large fetches rather than many small ones, yet no lane is left free for long; undefined while none is needed. */
  #fetchDelayMs(free: number, limit: number): number | undefined {
    if (free > 0 && free >= limit / 4) return 0;
    const wanted = free > 0 && this.#requested === 0;
    this.#gatherUntilMs = wanted ? (this.#gatherUntilMs ?? performance.now() + GATHER_MS) : undefined;
    return this.#gatherUntilMs && Math.max(0, this.#gatherUntilMs - performance.now());
  }

  async #nextWake(timeoutMs: number): Promise<void> {
    const { promise } = this.#wake;
    const timer = setTimeout(() => this.#wake.resolve(), timeoutMs);
    await promise;
    clearTimeout(timer);
    this.#wake = Promise.withResolvers<void>();
  }

  async #fetch(count: number, signal: AbortSignal): Promise<void> {
    let open = count;
    this.#requested += count;
    this.#fetching += 1;
    try {
      const messages = await this.#open(count);
      // The client stops watching a fetch while it is disconnected; this ends it whatever happens.
      const watchdog = setTimeout(() => messages.stop(), FETCH_EXPIRES_MS + 2 * FETCH_HEARTBEAT_MS);
      try {
        for await (const message of messages) {
          open -= 1;
          this.#requested -= 1;
          this.#start(message, signal);
        }
      } finally {
        clearTimeout(watchdog);
      }
    } catch (error) {
      await this.#recover(error);
    } finally {
      this.#requested -= open;
      this.#fetching -= 1;
      this.wake();
    }
  }

  async #open(count: number): Promise<ConsumerMessages> {
    const { js, jsm } = this.#options.bus.client();
    // Asked for once: its name is all that a fetch needs, and one that was made anew has the same.
    this.#info ??= await jsm.consumers.info(STREAM_NAME, CONSUMER_NAME);
    const timing = { expires: FETCH_EXPIRES_MS, idle_heartbeat: FETCH_HEARTBEAT_MS };
    return js.consumers.getConsumerFromInfo(this.#info).fetch({ max_messages: count, ...timing });
  }

  async #recover(error: unknown): Promise<void> {
    this.#options.onError(error, "fetch");
    try {
      if (this.#options.bus.connected) await this.#options.bus.heal();
    } catch (failure) {
      this.#options.onError(failure, "fetch");
      if (failure instanceof BusRefusedError) await new Promise((resolve) => setTimeout(resolve, FETCH_EXPIRES_MS));
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }

  #start(message: JsMsg, signal: AbortSignal): void {
    if (signal.aborted) return message.nak(PAUSE_MS); // not begun: another dispatcher takes it
    const leaveLane = this.#takeLane();
    const work = this.#handle(message, leaveLane).finally(() => {
      this.#inFlight.delete(message);
      leaveLane();
      this.wake();
    });
    this.#inFlight.set(message, work);
  }

  #takeLane(): () => void {
    let isTaken = true;
    this.#taken += 1;
    return () => {
      if (!isTaken) return;
      isTaken = false;
      this.#taken -= 1;
      this.wake();
    };
  }

  async #handle(message: JsMsg, leaveLane: () => void): Promise<void> {
    const event = decodeEvent(message.headers, message.data);
    if (event === undefined) return answer(message, { kind: "reject", reason: "not an event of this catalogue" });
    try {
      answer(message, await this.#options.handle(event, leaveLane));
    } catch (error) {
      this.#options.onError(error, "handle");
      answer(message, { kind: "retry", afterMs: this.#options.errorDelayMs() });
    }
  }

  async #beat(): Promise<void> {
    if (this.#inFlight.size === 0) return;
    await this.#options.heartbeat().catch((error: unknown) => this.#options.onError(error, "heartbeat"));
    for (const message of this.#inFlight.keys()) message.working();
  }
}
