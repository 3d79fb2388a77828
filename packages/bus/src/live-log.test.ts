import { LIVE_STREAM_NAME, pieceSubject } from "@chat-relay/core/events";
import { newId } from "@chat-relay/core/ids";
import type { ReplyPieces } from "@chat-relay/core/reply-pieces";
import { createTestBus, testNatsUrl } from "@chat-relay/testkit/test-bus";
import { testConfig } from "@chat-relay/testkit/test-config";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openBus, type Bus } from "./bus.ts";
import { BusUnavailableError } from "./errors.ts";
import { forgetPieces, publishPieces, readPieces } from "./live-log.ts";
import { ensureProvisioned, provision } from "./provision.ts";

let bus: Bus;
let sessionId: string;
let replyTo: string;

beforeAll(async () => {
  bus = await createTestBus();
});
beforeEach(() => {
  [sessionId, replyTo] = [newId(), newId()];
});
afterAll(() => bus[Symbol.asyncDispose]());

function piece(number: number, change: Partial<ReplyPieces> = {}): ReplyPieces {
  const pieces = [{ block: 0, offset: number * 2, content: "ab" }];
  return { id: `1.${number}`, sessionId, replyTo, attempt: 1, afterSequence: 1, pieces, ...change };
}

const read = () => readPieces(bus, sessionId);

describe("the live log", () => {
  test("gives a session's pieces in the order in which they were sent, of all its messages and no other session", async () => {
    const other = newId();
    const sent = [piece(0), piece(0, { replyTo: other }), piece(1), piece(1, { replyTo: other })];
    for (const given of sent) await publishPieces(bus, given);
    await publishPieces(bus, piece(0, { sessionId: newId() }));
    expect(await read()).toEqual(sent);
  });

  test("is empty for most sessions", async () => {
    expect(await read()).toEqual([]);
  });

  test("keeps the same pieces once", async () => {
    await publishPieces(bus, piece(0));
    await publishPieces(bus, piece(0, { pieces: [{ block: 0, offset: 0, content: "other words" }] }));
    await publishPieces(bus, piece(0, { replyTo: newId() }));
    expect((await read()).map(({ pieces }) => pieces[0]?.content)).toEqual(["ab", "ab"]);
  });

  test("keeps more than one batch can hold, in order", async () => {
    const sent = Array.from({ length: 2_300 }, (_, number) => piece(number));
    for (let from = 0; from < sent.length; from += 100) {
      await Promise.all(sent.slice(from, from + 100).map((given) => publishPieces(bus, given)));
    }
    expect((await read()).map(({ id }) => id)).toEqual(sent.map(({ id }) => id));
  });

  test("passes over what is none of ours", async () => {
    const { js } = bus.client();
    await publishPieces(bus, piece(0));
    await js.publish(pieceSubject(sessionId, replyTo), "not JSON");
    await js.publish(pieceSubject(sessionId, replyTo), JSON.stringify({ ...piece(1), pieces: "none" }));
    await publishPieces(bus, piece(2));
    expect((await read()).map(({ id }) => id)).toEqual(["1.0", "1.2"]);
  });

  test("forgets one message's pieces and leaves the others", async () => {
    const other = newId();
    for (const given of [piece(0), piece(1), piece(0, { replyTo: other })]) await publishPieces(bus, given);
    await forgetPieces(bus, sessionId, replyTo);
    expect((await read()).map((left) => left.replyTo)).toEqual([other]);
    await forgetPieces(bus, sessionId, replyTo);
    expect(await read()).toHaveLength(1);
  });

  test("purges nothing where there is nothing", async () => {
    await publishPieces(bus, piece(0));
    const { jsm, ...rest } = bus.client();
    let purges = 0;
    const purge: typeof jsm.streams.purge = (...given) => {
      purges += 1;
      return jsm.streams.purge(...given);
    };
    const spy = { client: () => ({ ...rest, jsm: { direct: jsm.direct, streams: { purge } } as typeof jsm }) };
    await forgetPieces(spy, sessionId, newId());
    expect(purges).toBe(0);
    await forgetPieces(spy, sessionId, replyTo);
    expect(purges).toBe(1);
  });

  test("cannot be written, read or purged while there is no server", async () => {
    await using away = openBus({ ...testConfig({ NATS_URL: "nats://127.0.0.1:1" }), name: "test" });
    await expect(publishPieces(away, piece(0))).rejects.toThrow(BusUnavailableError);
    await expect(readPieces(away, sessionId)).rejects.toThrow(BusUnavailableError);
    await expect(forgetPieces(away, sessionId, replyTo)).rejects.toThrow(BusUnavailableError);
  });

  test("cannot be written, read or purged while its stream is missing", async () => {
    await bus.client().jsm.streams.delete(LIVE_STREAM_NAME);
    await expect(publishPieces(bus, piece(0))).rejects.toThrow(BusUnavailableError);
    await expect(read()).rejects.toThrow(BusUnavailableError);
    await expect(forgetPieces(bus, sessionId, replyTo)).rejects.toThrow(BusUnavailableError);
    await bus.heal();
    await publishPieces(bus, piece(0));
    expect(await read()).toEqual([piece(0)]);
  });
});

describe("its stream", () => {
  const info = async () => (await bus.client().jsm.streams.info(LIVE_STREAM_NAME)).config;
  const limits = { CHAT_LIVE_MAX_AGE_MS: "60000", CHAT_LIVE_MAX_BYTES: "2097152" };

  test("is in memory and bounded in age and size, the oldest going first", async () => {
    expect(await info()).toMatchObject({
      storage: "memory",
      retention: "limits",
      discard: "old",
      max_age: 900_000_000_000,
      max_bytes: 33_554_432,
      max_msg_size: 921_600,
      num_replicas: 1,
      allow_direct: true,
      subjects: ["chat.live.*.piece.*"],
    });
  });

  test("does not keep what is announced to followers", async () => {
    const before = (await bus.client().jsm.streams.info(LIVE_STREAM_NAME)).state.messages;
    bus.announce({ sessionId, after: null, events: [] });
    await bus.client().connection.flush();
    expect((await bus.client().jsm.streams.info(LIVE_STREAM_NAME)).state.messages).toBe(before);
  });

  test("with other settings is refused by a service and mended by the migrate step", async () => {
    await using other = openBus({ ...testConfig({ NATS_URL: testNatsUrl(), ...limits }), name: "test" });
    await expect(other.ready).rejects.toThrow(/stream CHAT_LIVE: max_age .*stream CHAT_LIVE: max_bytes .*chat:migrate/);
    const { jsm } = bus.client();
    expect(await provision(jsm, testConfig(limits))).toEqual({
      stream: "unchanged",
      liveStream: "updated",
      consumer: "unchanged",
    });
    expect(await info()).toMatchObject({ max_age: 60_000_000_000, duplicate_window: 60_000_000_000 });
    await ensureProvisioned(jsm, testConfig(limits));
    expect(await provision(jsm, testConfig())).toMatchObject({ liveStream: "updated" });
  });

  test("is created beside a stream that is there already", async () => {
    const { jsm } = bus.client();
    await jsm.streams.delete(LIVE_STREAM_NAME);
    expect(await provision(jsm, testConfig())).toEqual({
      stream: "unchanged",
      liveStream: "created",
      consumer: "unchanged",
    });
  });
});
