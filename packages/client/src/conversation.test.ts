import { expect, test } from "vitest";
import { Conversation } from "./conversation.ts";
import { KeptItems } from "./kept-items.ts";
import { TestStorage } from "./testing/test-storage.ts";
import { UnsentMessages } from "./unsent-messages.ts";
import type { ChatMessage, HistoryPage, MessageStatus } from "./wire.ts";

const SESSION = "s";

function visitors(sequence: number, content = `text ${sequence}`, status: MessageStatus = "queued"): ChatMessage {
  const [sessionId, createdAt] = [SESSION, "2026-01-01T00:00:00.000Z"];
  const id = `m${sequence}`;
  return {
    id,
    sessionId,
    sequence,
    role: "user",
    content,
    messageType: "text",
    metadata: {},
    status,
    replyTo: null,
    createdAt,
  };
}

function reply(sequence: number, replyTo: string | null): ChatMessage {
  return { ...visitors(sequence, `reply ${sequence}`, "received"), role: "assistant", replyTo };
}

function page(messages: ChatMessage[], before: string | null = null): HistoryPage {
  return { messages, pageInfo: { hasMore: before !== null, before, after: null } };
}

function conversation() {
  const unsent = new UnsentMessages(new KeptItems(new TestStorage(), "space"));
  const doubted: string[] = [];
  const made = new Conversation(unsent, (content) => doubted.push(content));
  const write = (key: string, content: string, after: { sessionId: string; sequence: number } | null = null): void => {
    const known = { id: null, sequence: null, role: "user", metadata: {}, state: "unsent", attempts: 0 } as const;
    unsent.add({ ...known, key, content, replyTo: null, createdAt: "", error: null }, after);
    made.unsentChanged();
  };
  return { conversation: made, unsent, doubted, write };
}

function shown({ list }: Conversation): string[] {
  return list.map(({ key, sequence, state }) => `${key} ${sequence ?? "-"} ${state}`);
}

test("messages are shown once and by sequence, whoever tells them, in any order", () => {
  const { conversation: made } = conversation();
  made.takeStreamed(visitors(3));
  made.showNewest(page([visitors(1), reply(2, "m1"), visitors(3)]));
  made.takeStreamed(visitors(3));
  made.takeStreamed(reply(4, "m3"));
  expect(shown(made)).toEqual(["m1 1 queued", "m2 2 received", "m3 3 queued", "m4 4 received"]);
});

test("a message that was left out by the stream is noticed", () => {
  const { conversation: made } = conversation();
  made.showNewest(page([visitors(1)]));
  expect([made.takeStreamed(visitors(2)), made.takeStreamed(visitors(2)), made.takeStreamed(visitors(4))]).toEqual([
    true,
    true,
    false,
  ]);
  made.showNewest(page([visitors(1), visitors(2), visitors(4), visitors(5)]));
  expect([made.takeStreamed(visitors(6)), made.takeStreamed(visitors(8))]).toEqual([true, false]);
});

test("a message that was left out right after the newest page is noticed", () => {
  const { conversation: made } = conversation();
  made.showNewest(page([visitors(1)]));
  expect(made.takeStreamed(visitors(3))).toBe(false);
});

test("the stream may tell of an own message before its send is answered: it is shown once, under its own key", () => {
  const { conversation: made, write, doubted } = conversation();
  write("own", "hi");
  made.takeStreamed(visitors(1, "hi"));
  made.tell({ messageId: "m1", status: "delivered", attempts: 1 });
  expect([shown(made), doubted]).toEqual([["own - unsent"], ["hi"]]);
  made.accept("own", visitors(1, "hi"));
  expect(shown(made)).toEqual(["own 1 delivered"]);
  expect(made.list[0]?.attempts).toBe(1);
});

test("a reply that is told before the send of an own message is answered comes after that, and before what is unsent", () => {
  const { conversation: made, write } = conversation();
  write("own", "hi");
  write("next", "and");
  made.takeStreamed(visitors(1, "hi"));
  expect(made.takeStreamed(reply(2, "m1"))).toBe(true);
  expect(shown(made)).toEqual(["own - unsent", "m2 2 received", "next - unsent"]);
  made.accept("own", visitors(1, "hi", "answered"));
  expect(shown(made)).toEqual(["own 1 answered", "m2 2 received", "next - unsent"]);
});

test("an own message that seems to be accepted stands before what was refused", () => {
  const { conversation: made, write, unsent } = conversation();
  write("refused", "too long");
  unsent.mark("refused", { code: "payload_too_large", status: 413, detail: "", retryAfterMs: null });
  write("own", "hi");
  expect(shown(made)).toEqual(["refused - rejected", "own - unsent"]);
  made.takeStreamed(visitors(1, "hi"));
  expect(shown(made)).toEqual(["own - unsent", "refused - rejected"]);
});

test("of the same text, sent twice, the earlier one has the earlier place", () => {
  const { conversation: made, write } = conversation();
  write("own", "hi");
  write("again", "hi");
  made.takeStreamed(visitors(1, "hi"));
  made.takeStreamed(reply(2, "m1"));
  expect(shown(made)).toEqual(["own - unsent", "m2 2 received", "again - unsent"]);
  made.takeStreamed(visitors(3, "hi"));
  made.takeStreamed(reply(4, "m3"));
  expect(shown(made)).toEqual(["own - unsent", "m2 2 received", "again - unsent", "m4 4 received"]);
});

test("or after its send is answered", () => {
  const { conversation: made, write } = conversation();
  write("own", "hi");
  made.accept("own", visitors(1, "hi", "queued"));
  made.takeStreamed(visitors(1, "hi"));
  made.showNewest(page([visitors(1, "hi", "answered")]));
  expect(shown(made)).toEqual(["own 1 answered"]);
});

test("the same text of another tab is told apart once the own one is accepted", () => {
  const { conversation: made, write } = conversation();
  write("own", "hi");
  made.takeStreamed(visitors(1, "hi"));
  made.takeStreamed(visitors(2, "hi"));
  expect(shown(made)).toEqual(["own - unsent"]);
  made.accept("own", visitors(2, "hi"));
  expect(shown(made)).toEqual(["m1 1 queued", "own 2 queued"]);
});

test("a message that was there before the own one was written is not held back", () => {
  const { conversation: made, write, doubted } = conversation();
  write("own", "hi", { sessionId: SESSION, sequence: 7 });
  made.showNewest(page([visitors(7, "hi"), visitors(8, "hi")], "older"));
  expect([shown(made), doubted]).toEqual([["m7 7 queued", "own - unsent"], ["hi"]]);
});

test("a message that was held back is shown when the own one is rejected or discarded", () => {
  const { conversation: made, write, unsent } = conversation();
  write("own", "hi");
  made.takeStreamed(visitors(1, "hi"));
  unsent.remove("own");
  made.unsentChanged();
  expect(shown(made)).toEqual(["m1 1 queued"]);
});

test("states go forward, whatever comes late; back only when it is delivered anew", () => {
  const { conversation: made } = conversation();
  made.takeStreamed(visitors(1));
  const tell = (status: MessageStatus, attempts: number): string | undefined => {
    made.tell({ messageId: "m1", status, attempts });
    return made.list[0]?.state;
  };
  expect(tell("queued", 1)).toBe("queued");
  expect(made.list[0]?.attempts).toBe(1);
  expect(tell("delivered", 2)).toBe("delivered");
  expect(tell("queued", 1)).toBe("delivered");
  expect(tell("unanswered", 2)).toBe("unanswered");
  made.showNewest(page([visitors(1, "text 1", "queued")]));
  expect(made.list[0]?.state).toBe("unanswered");
  expect(tell("queued", 2)).toBe("queued");
  expect(tell("failed", 5)).toBe("failed");
  expect(tell("answered", 5)).toBe("answered");
  expect(tell("unanswered", 5)).toBe("answered");
});

test("a state that comes before its message is not lost", () => {
  const { conversation: made } = conversation();
  made.tell({ messageId: "m1", status: "delivered", attempts: 2 });
  made.showNewest(page([visitors(1)]));
  expect(shown(made)).toEqual(["m1 1 delivered"]);
  expect(made.list[0]?.attempts).toBe(2);
});

test("older pages come in front, each once; one that is late leads nowhere", () => {
  const { conversation: made } = conversation();
  made.showNewest(page([visitors(5), visitors(6)], "c5"));
  made.showOlder("c5", page([visitors(3), visitors(4)], "c3"));
  made.showOlder("c5", page([visitors(3), visitors(4)], "late"));
  expect([shown(made).length, made.older]).toEqual([4, "c3"]);
  made.showOlder("c3", page([visitors(1), visitors(2)]));
  expect([made.list.map(({ sequence }) => sequence), made.older]).toEqual([[1, 2, 3, 4, 5, 6], null]);
});

test("the newest page keeps older ones that it follows on, and replaces those beyond a gap", () => {
  const { conversation: made } = conversation();
  made.showNewest(page([visitors(5), visitors(6)], "c5"));
  made.showOlder("c5", page([visitors(3), visitors(4)], "c3"));
  made.showNewest(page([visitors(7), visitors(8)], "c7"));
  expect([made.list.map(({ sequence }) => sequence), made.older]).toEqual([[3, 4, 5, 6, 7, 8], "c3"]);
  made.showNewest(page([visitors(20), visitors(21)], "c20"));
  expect([made.list.map(({ sequence }) => sequence), made.older]).toEqual([[20, 21], "c20"]);
});

test("after the stream lost its place the newest page says what there is; keys stay", () => {
  const { conversation: made, write } = conversation();
  write("own", "hi");
  made.accept("own", visitors(1, "hi", "answered"));
  made.takeStreamed(visitors(2));
  made.streaming.take({ replyTo: "m2", block: 0, offset: 0, content: "Hel" });
  made.loseTrack();
  expect(made.streaming.list).toEqual([]);
  made.takeStreamed(visitors(3));
  expect(made.list).toHaveLength(3);
  made.showNewest(page([visitors(1, "hi", "queued"), visitors(3)]));
  // Queued again: what was known may be of before an operator had it delivered anew.
  expect(shown(made)).toEqual(["own 1 queued", "m3 3 queued"]);
});

test("the finished reply takes the place of its pieces, also by way of the history", () => {
  const { conversation: made } = conversation();
  made.showNewest(page([visitors(1), visitors(2)]));
  for (const replyTo of ["m1", "m2"]) made.streaming.take({ replyTo, block: 0, offset: 0, content: "Hel" });
  made.takeStreamed(reply(3, "m1"));
  expect(made.streaming.list.map(({ replyTo }) => replyTo)).toEqual(["m2"]);
  made.showNewest(page([visitors(1), visitors(2), reply(3, "m1"), reply(4, "m2")]));
  expect(made.streaming.list).toEqual([]);
  // The stream was behind the history.
  made.streaming.take({ replyTo: "m2", block: 0, offset: 0, content: "Hello" });
  made.takeStreamed(reply(4, "m2"));
  expect(made.streaming.list).toEqual([]);
});

test.each<MessageStatus>(["queued", "failed"])("a failed attempt takes its text back: %s", (status) => {
  const { conversation: made } = conversation();
  made.takeStreamed(visitors(1));
  made.streaming.take({ replyTo: "m1", block: 0, offset: 0, content: "Hel" });
  made.tell({ messageId: "m1", status, attempts: 1 });
  expect(made.streaming.list).toEqual([]);
});

test("the list is the same until something changes", () => {
  const { conversation: made } = conversation();
  made.takeStreamed(visitors(1));
  const { list } = made;
  made.takeStreamed(visitors(1));
  made.streaming.take({ replyTo: "m1", block: 0, offset: 0, content: "Hel" });
  expect(made.list).toBe(list);
  made.takeStreamed(visitors(2));
  expect(made.list).not.toBe(list);
});
