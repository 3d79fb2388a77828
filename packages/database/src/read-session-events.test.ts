import { newId } from "@chat-relay/core/ids";
import {
  eventId,
  hasReached,
  type Position,
  type SessionChange,
  type SessionEvent,
} from "@chat-relay/core/session-events";
import { givenSession } from "@chat-relay/testkit/conversation";
import { createTestDatabase, type TestDatabase } from "@chat-relay/testkit/test-database";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { acceptMessage } from "./accept-message.ts";
import { claimDelivery, type Claim } from "./claim-delivery.ts";
import type { Database } from "./database.ts";
import { endSession } from "./end-session.ts";
import { readAllMessages } from "./read-messages.ts";
import { readSessionEvents, readSessionStates } from "./read-session-events.ts";
import { recordReply } from "./record-reply.ts";
import { replayDelivery } from "./replay-deliveries.ts";
import { settleDelivery, type Settlement } from "./settle-delivery.ts";
import { expireReplies } from "./sweep-deliveries.ts";

const BEGINNING: Position = { sequence: 0, status: 0 };

let stores: TestDatabase;
let database: Database;

beforeAll(async () => {
  stores = await createTestDatabase();
  database = stores.database;
});
afterAll(() => stores[Symbol.asyncDispose]());

/** All events after a position, in pages of the size given. */
async function readAfter(sessionId: string, after: Position, limit: number): Promise<SessionEvent[]> {
  const events: SessionEvent[] = [];
  for (let position = after; ;) {
    const page = await readSessionEvents(database, sessionId, position, limit);
    events.push(...page.events);
    position = page.position;
    if (!page.hasMore) return events;
  }
}

/** What the status of a visitor's message is changes after it was told of it. */
const told = (event: SessionEvent) => {
  const { type, position, data } = event;
  return type === "message" ? { type, position, data: { ...data, status: "" } } : { type, position, data };
};

const attempt = { durationMs: 1, httpStatus: 200, error: null };

function settlement(choice: number): Settlement {
  const kinds: Settlement[] = [
    { kind: "delivered", attempt, replies: [] },
    { kind: "delivered", attempt, replies: ["one"] },
    { kind: "delivered", attempt, replies: ["one", "two", "three"] },
    { kind: "retry", attempt, delayMs: 0 },
    { kind: "failed", attempt },
    { kind: "exhausted" },
    { kind: "handed_back", delayMs: 0 },
  ];
  return kinds[choice % kinds.length] as Settlement;
}

/** What may happen to a session; `choice` decides what is open. Gives what is announced of it. */
class Session {
  readonly id: string;
  #messages: string[] = [];
  #claims: Claim[] = [];

  constructor(id: string) {
    this.id = id;
  }

  async step(kind: StepKind, choice: number): Promise<(SessionChange | "unread" | undefined)[]> {
    const message = this.#messages[choice % Math.max(1, this.#messages.length)];
    switch (kind) {
      case "accept":
        return [await this.#accept()];
      case "reply":
        return [await this.#reply(choice % 5 === 0 ? null : (message ?? null))];
      case "claim":
        return [await this.#claim(choice % 3 === 0 ? 0 : 60_000)];
      case "settle":
        return [await this.#settle(choice)];
      case "expire":
        return (await expireReplies(database, 0, 100)).includes(this.id) ? ["unread"] : [];
      case "replay":
        if (message === undefined) return [];
        return (await replayDelivery(database, message, this.id)).sessionIds.length > 0 ? ["unread"] : [];
    }
  }

  async #accept() {
    const fixed = { content: "Hello!", messageType: "text", metadata: {}, idempotencyKey: null } as const;
    const where = { callbackUrl: "http://127.0.0.1:3001/api/chat/webhook", sessionTtlMs: 3_600_000 };
    const result = await acceptMessage(database, { id: newId(), sessionId: this.id, ...fixed, ...where });
    if (result.kind !== "accepted") throw new Error(result.kind);
    this.#messages.push(result.message.id);
    return result.change;
  }

  async #reply(replyTo: string | null) {
    const fixed = { content: "Hi", messageType: "text", metadata: {}, callbackId: newId() } as const;
    const result = await recordReply(database, { id: newId(), sessionId: this.id, replyTo, ...fixed });
    return result.kind === "recorded" ? result.change : undefined;
  }

  async #claim(leaseMs: number) {
    for (const messageId of this.#messages) {
      const result = await claimDelivery(database, { messageId, sessionId: this.id }, leaseMs);
      if (result.kind !== "claimed") continue;
      this.#claims.push(result.claim);
      return result.foundLost ? "unread" : undefined;
    }
    return undefined;
  }

  async #settle(choice: number) {
    const [claim] = this.#claims.splice(choice % Math.max(1, this.#claims.length), 1);
    if (claim === undefined) return undefined;
    const result = await settleDelivery(database, claim, settlement(choice));
    return result.kind === "settled" ? result.change : undefined;
  }
}

const KINDS = ["accept", "reply", "claim", "settle", "expire", "replay"] as const;
type StepKind = (typeof KINDS)[number];

const steps = fc.array(
  fc.record({
    kind: fc.constantFrom<StepKind>("accept", "claim", "claim", "claim", "settle", "settle", ...KINDS),
    choice: fc.nat(1_000),
  }),
  { minLength: 40, maxLength: 80 },
);

/** Follows what is announced, and reads only when it must. */
class Reader {
  events: SessionEvent[] = [];
  position = BEGINNING;
  reads = 0;

  async hear(sessionId: string, change: SessionChange | "unread"): Promise<void> {
    if (change === "unread" || change.after === null || !hasReached(this.position, change.after)) {
      this.reads += 1;
      this.#take(await readAfter(sessionId, this.position, 100));
    } else this.#take(change.events);
  }

  #take(events: SessionEvent[]): void {
    for (const event of events) {
      if (hasReached(this.position, event.position)) continue;
      this.events.push(event);
      this.position = event.position;
    }
  }
}

describe("the events of a session", () => {
  test("are what was announced, without a gap and without a need to read", { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (given) => {
        const session = new Session(await givenSession(database));
        const reader = new Reader();
        let unread = 0;
        for (const { kind, choice } of given) {
          for (const change of await session.step(kind, choice)) {
            if (change === undefined) continue;
            if (change === "unread") unread += 1;
            await reader.hear(session.id, change);
          }
        }
        const stored = await readAfter(session.id, BEGINNING, 100);
        expect(reader.events.map(told)).toEqual(stored.map(told));
        expect(reader.reads).toBe(unread);
      }),
      { numRuns: 40 },
    );
  });

  test("can be read in pages of any size from any of them on, and tell the history", { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 5 }), fc.nat(), async (given, limit, where) => {
        const session = new Session(await givenSession(database));
        for (const { kind, choice } of given) await session.step(kind, choice);
        const all = await readAfter(session.id, BEGINNING, 1_000);
        expect(await readAfter(session.id, BEGINNING, limit)).toEqual(all);
        const at = where % Math.max(1, all.length);
        expect(await readAfter(session.id, all[at]?.position ?? BEGINNING, limit)).toEqual(all.slice(at + 1));
        for (const [index, event] of all.entries()) {
          const before = all[index - 1]?.position ?? BEGINNING;
          expect(hasReached(event.position, before) && !hasReached(before, event.position)).toBe(true);
        }
        await expectHistory(session.id, all);
      }),
      { numRuns: 40 },
    );
  });

  /** The messages are those of the history, each with the status that it was last told of. */
  async function expectHistory(sessionId: string, events: SessionEvent[]): Promise<void> {
    const messages = await readAllMessages(database, sessionId);
    const told = new Map(messages.map((message) => [message.id, message.role === "user" ? "queued" : "received"]));
    for (const { type, data } of events) if (type === "status") told.set(data.messageId, data.status);
    const shown = events.flatMap((event) => (event.type === "message" ? [event.data] : []));
    expect(shown).toEqual(messages);
    expect(messages.map(({ id }) => told.get(id))).toEqual(messages.map(({ status }) => status));
    const [state] = await readSessionStates(database, [sessionId]);
    expect(hasReached(state?.position ?? BEGINNING, events.at(-1)?.position ?? BEGINNING)).toBe(true);
  }

  test("become visible in their order, whatever happens at once", { timeout: 60_000 }, async () => {
    const sessions = await Promise.all([1, 2, 3].map(async () => new Session(await givenSession(database))));
    const random = fc.sample(steps, { numRuns: 20, seed: 4 }).flat();
    const announced: SessionChange[] = [];
    const heard = new Map(sessions.map(({ id }) => [id, { events: [] as SessionEvent[], position: BEGINNING }]));
    const state = { busy: true };
    const readers = [...heard].map(async ([id, reader]) => {
      while (state.busy) {
        const page = await readSessionEvents(database, id, reader.position, 3);
        reader.events.push(...page.events);
        reader.position = page.position;
      }
    });
    const lanes = Array.from({ length: 6 }, async (_, lane) => {
      for (let at = lane; at < random.length; at += 6) {
        const session = sessions[at % sessions.length] as Session;
        const { kind, choice } = random[at] as { kind: StepKind; choice: number };
        const changes = await session.step(kind, choice);
        announced.push(...changes.filter((change) => change !== undefined && change !== "unread"));
      }
    });
    await Promise.all(lanes); // a deadlock would be thrown here
    state.busy = false;
    await Promise.all(readers);
    for (const { id } of sessions) {
      const all = await readAfter(id, BEGINNING, 1_000);
      const { events = [], position = BEGINNING } = heard.get(id) ?? {};
      expect([...events, ...(await readAfter(id, position, 3))].map(own)).toEqual(all.map(own));
      await expectHistory(id, all);
      const stored = new Map(all.map((event) => [own(event).number, own(event)]));
      for (const change of announced.filter(({ sessionId }) => sessionId === id)) {
        for (const event of change.events) expect(stored.get(own(event).number)).toEqual(own(event));
      }
    }
  });

  /** By its own number alone: one that was set aside and not used may lie between two events. */
  function own(event: SessionEvent) {
    const { type, position, data } = told(event);
    return { number: `${type} ${type === "message" ? position.sequence : position.status}`, data };
  }

  test("of a session that is not there are none", async () => {
    const position = { sequence: 7, status: 3 };
    expect(await readSessionEvents(database, newId(), position, 10)).toEqual({ events: [], position, hasMore: false });
  });

  test("a position that was never reached is put right", async () => {
    const session = new Session(await givenSession(database));
    await session.step("accept", 0);
    const page = await readSessionEvents(database, session.id, { sequence: 99, status: 99 }, 10);
    expect(page).toEqual({ events: [], position: { sequence: 1, status: 0 }, hasMore: false });
  });
});

describe("where sessions stand", () => {
  test("is their newest event, and how long they have", async () => {
    const [open, ended, expired] = [
      await givenSession(database),
      await givenSession(database),
      await givenSession(database, -1),
    ];
    const session = new Session(open);
    for (const kind of ["accept", "claim", "settle", "accept"] as const) await session.step(kind, 1);
    await endSession(database, ended);
    const states = new Map(
      (await readSessionStates(database, [open, ended, expired, newId()])).map((one) => [one.sessionId, one]),
    );
    expect(states.size).toBe(3);
    expect(states.get(open)).toMatchObject({ position: { sequence: 3, status: 1 } });
    expect(states.get(open)?.remainingMs).toBeGreaterThan(3_500_000);
    expect(states.get(open)?.remainingMs).toBeLessThanOrEqual(3_600_000);
    for (const over of [ended, expired])
      expect(states.get(over)).toMatchObject({ position: BEGINNING, remainingMs: 0 });
    expect(eventId(open, states.get(open)?.position ?? BEGINNING)).toBe(`${open}.3.1`);
  });
});
