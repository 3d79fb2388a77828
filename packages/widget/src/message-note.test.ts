import { expect, test } from "vitest";
import { messageNote, type NoteContext } from "./message-note.ts";
import { message, reply } from "./testing/snapshots.ts";

const usual: NoteContext = { isOffline: false, isAnswering: false, isOverdue: false, isRepeated: false };

function note(fields: Parameters<typeof message>[1], context: Partial<NoteContext> = {}): string | null {
  const made = messageNote(message(1, fields), { ...usual, ...context });
  return made === null ? null : [made.isBad ? "bad" : "", made.text, ...made.actions].filter(Boolean).join(" ");
}

test("each state is told, with what can be done about it", () => {
  expect(note({ state: "unsent" })).toBe("sending");
  expect(note({ state: "unsent" }, { isOffline: true })).toBe("waiting edit discard");
  expect(note({ state: "rejected" })).toBe("bad rejected retry edit discard");
  expect(note({ state: "queued" })).toBe("sent");
  expect(note({ state: "queued", attempts: 1 })).toBe("retrying");
  expect(note({ state: "delivered", attempts: 1 })).toBe("delivered");
  expect(note({ state: "failed" })).toBe("bad failed retry");
  expect(note({ state: "unanswered" })).toBe("unanswered retry");
  expect(note({ state: "answered" })).toBeNull();
  expect(messageNote(reply(2), usual)).toBeNull();
});

test("a message whose reply is being written needs no word", () => {
  expect(note({ state: "queued" }, { isAnswering: true })).toBeNull();
  expect(note({ state: "queued", attempts: 1 }, { isAnswering: true })).toBeNull();
});

test("one that waits for long says so", () => {
  expect(note({ state: "queued" }, { isOverdue: true })).toBe("patience");
  expect(note({ state: "delivered" }, { isOverdue: true })).toBe("patience");
});

test("what was written again already is not offered to be sent again, nor does it ask for attention", () => {
  expect(note({ state: "failed" }, { isRepeated: true })).toBe("failed");
  expect(note({ state: "unanswered" }, { isRepeated: true })).toBe("unanswered");
});
