import type { ChatSnapshot } from "@chat-relay/client";
import { describe, expect, test } from "vitest";
import { EXPECTED_MS, listItems, nextLook } from "./list-items.ts";
import { message, reply, snapshot } from "./testing/snapshots.ts";

const WRITTEN = Date.parse("2026-03-10T09:50:00.000Z");
const NOW = WRITTEN + 1_000;

function keys(shown: ChatSnapshot, now = NOW): string[] {
  return listItems(shown, now).flatMap(({ kind, key }) => (kind === "day" ? [] : [key]));
}

describe("listItems", () => {
  test("a reply that is being written stands where it will stay: above what is not sent yet", () => {
    const shown = snapshot([message(1, { state: "answered" }), message(2), message(null, { content: "later" })], {
      streaming: [{ replyTo: "id-2", blocks: ["", "Hel", "Wor"] }],
    });
    expect(keys(shown)).toEqual(["id-1", "id-2", "reply:id-2:1", "reply:id-2:2", "unsent-later"]);
    const states = listItems(shown, NOW).flatMap((item) => (item.kind === "message" ? [item.state] : []));
    expect(states).toEqual(["answered", "answering", "unsent"]);
  });

  test("a reply that is told before its message is known to be accepted comes after that, whole or in pieces", () => {
    const [own, next] = [message(null, { content: "own" }), message(null, { content: "next" })];
    expect(keys(snapshot([message(1), own, reply(3, { replyTo: "id-2" }), next]))).toEqual([
      "id-1",
      "unsent-own",
      "id-3",
      "typing",
      "unsent-next",
    ]);
    const rejected = message(null, { content: "rejected", state: "rejected" });
    const streaming = [{ replyTo: "id-2", blocks: ["Hel"] }];
    expect(keys(snapshot([message(1), rejected, own, next], { streaming }))).toEqual([
      "id-1",
      "unsent-rejected",
      "unsent-own",
      "reply:id-2:0",
      "unsent-next",
    ]);
  });

  test("the dots are there while a reply is expected", () => {
    expect(keys(snapshot([message(1)]))).toEqual(["id-1", "typing"]);
    expect(keys(snapshot([message(1, { state: "delivered" })]))).toEqual(["id-1", "typing"]);
    expect(keys(snapshot([message(1), message(null, { content: "x" })]))).toEqual(["id-1", "typing", "unsent-x"]);
  });

  test("and not when there is none to expect", () => {
    const none = [message(1, { state: "answered" }), message(2, { state: "failed" }), message(3, { attempts: 1 })];
    for (const one of none) expect(keys(snapshot([one]))).not.toContain("typing");
    expect(keys(snapshot([message(1)], { connection: "offline" }))).not.toContain("typing");
    expect(keys(snapshot([message(1)]), WRITTEN + EXPECTED_MS)).not.toContain("typing");
    const streaming = [{ replyTo: "id-1", blocks: ["H"] }];
    expect(keys(snapshot([message(1)], { streaming }))).not.toContain("typing");
  });

  test("each day is named once, in front of its first message", () => {
    const [first, second] = ["2026-03-09T12:00:00.000Z", "2026-03-10T12:00:00.000Z"];
    const shown = snapshot([
      message(1, { createdAt: first }),
      reply(2, { createdAt: first }),
      message(3, { createdAt: second }),
    ]);
    const kinds = listItems(shown, NOW).map(({ kind }) => kind);
    expect(kinds.slice(0, 5)).toEqual(["day", "message", "message", "day", "message"]);
  });

  test("by the gateway's clock: the device's may be days off", () => {
    const own = message(null, { content: "own", createdAt: "2026-01-01T12:00:00.000Z" });
    const shown = snapshot([message(1), own, reply(3)]);
    expect(listItems(shown, NOW).map(({ kind }) => kind)).toEqual(["day", "message", "message", "message", "typing"]);
  });

  test("what has not changed is the same object, also while a reply is being written", () => {
    const messages = [message(1, { state: "answered" }), message(2)];
    const before = listItems(snapshot(messages), NOW);
    const after = listItems(snapshot(messages, { streaming: [{ replyTo: "id-2", blocks: ["H"] }] }), NOW);
    expect(after[1]).toBe(before[1]);
    expect(after[2]).not.toBe(before[2]);
  });

  test("a failed message is not offered again when the same was written later", () => {
    const failed = message(1, { state: "failed", content: "Hi" });
    const actions = (shown: ChatSnapshot): unknown =>
      listItems(shown, NOW).flatMap((item) => (item.kind === "message" ? [item.note?.actions] : []))[0];
    expect(actions(snapshot([failed, message(2, { content: "Other" })]))).toEqual(["retry"]);
    expect(actions(snapshot([failed, message(2, { content: "Hi" })]))).toEqual([]);
  });
});

describe("nextLook", () => {
  test("is when the first reply stops being expected", () => {
    const later = message(2, { createdAt: "2026-03-10T09:50:30.000Z" });
    expect(nextLook(snapshot([message(1), later]), NOW)).toBe(WRITTEN + EXPECTED_MS);
    expect(nextLook(snapshot([message(1), later]), WRITTEN + EXPECTED_MS)).toBe(WRITTEN + 30_000 + EXPECTED_MS);
  });

  test("is never when nothing is pending", () => {
    expect(nextLook(snapshot([message(1, { state: "answered" })]), NOW)).toBeNull();
    expect(nextLook(snapshot([message(1)]), WRITTEN + EXPECTED_MS)).toBeNull();
  });
});
