import { text } from "node:stream/consumers";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { expect, test } from "vitest";
import type { Place } from "../live/live-hub.ts";
import { AwaitedAnswer, type AwaitedAnswerOptions } from "./awaited-answer.ts";
import { jsonAnswer } from "./answer-form.ts";
import { streamedAnswer } from "./streamed-answer.ts";

const messageId = "01a204da-05d2-7348-8179-58e517fc07b1";
const BUFFER = 100_000;

function awaiting(options: Partial<AwaitedAnswerOptions> = {}) {
  const seen = { cuts: 0, left: 0, errors: [] as unknown[] };
  const place: Place = { textSoFar: () => [], leave: () => void (seen.left += 1) };
  const answer = new AwaitedAnswer({
    form: jsonAnswer(),
    waitMs: 60_000,
    bufferMaxBytes: BUFFER,
    read: async () => ({ status: "queued", replies: [] }),
    onCut: () => void (seen.cuts += 1),
    onError: (error) => seen.errors.push(error),
    ...options,
  });
  return { answer, place, seen };
}

test("a caller who leaves too much unread is cut off, and gives its place back", async () => {
  const { answer, place, seen } = awaiting({ form: streamedAnswer() });
  answer.begin(place, messageId);
  let offset = 0;
  const piece = "x".repeat(10_000);
  while (offset < 2 * BUFFER && seen.cuts === 0) {
    answer.tellText({ deltas: [{ replyTo: messageId, block: 0, offset, content: piece }], frames: "" });
    offset += piece.length;
  }
  expect([seen.cuts, answer.body.destroyed]).toEqual([1, true]);
  await waitFor("its place", () => seen.left === 1);
});

test("is not begun at a gateway that has stopped meanwhile: the place is given back", async () => {
  const { answer, place, seen } = awaiting();
  answer.close();
  answer.begin(place, messageId);
  expect(seen.left).toBe(1);
  expect(JSON.parse(await text(answer.body))).toEqual({ message: expect.stringMatching(/interrupted/) as string });
});

test("pieces of another message's reply are none of its own", async () => {
  const { answer, place } = awaiting({ form: streamedAnswer() });
  answer.begin(place, messageId);
  answer.tellText({ deltas: [{ replyTo: "another", block: 0, offset: 0, content: "Hi" }], frames: "" });
  answer.close();
  expect(await text(answer.body)).not.toContain("Hi");
});

test("what happens while it reads is read again", async () => {
  const reads: PromiseWithResolvers<{ status: "answered"; replies: string[] }>[] = [];
  const { answer, place } = awaiting({
    read: () => {
      const read = Promise.withResolvers<{ status: "answered"; replies: string[] }>();
      reads.push(read);
      return read.promise;
    },
  });
  answer.begin(place, messageId);
  answer.end();
  answer.end();
  expect(reads).toHaveLength(1);
  reads[0]?.resolve({ status: "answered", replies: [] });
  await waitFor("the next read", () => reads.length === 2);
  reads[1]?.resolve({ status: "answered", replies: ["Hi"] });
  expect(JSON.parse(await text(answer.body))).toEqual({ output: "Hi" });
});

test("what could not be read is read at the next look, though nothing is new", async () => {
  const position = { sequence: 3, status: 1 };
  const answers = ["queued", "away", "answered"];
  const { answer, place, seen } = awaiting({
    read: async () => {
      const next = answers.shift();
      if (next === "away") throw new Error("PostgreSQL is away");
      return next === "queued" ? { status: "queued", replies: [] } : { status: "answered", replies: ["Hi"] };
    },
  });
  answer.reach(position);
  answer.begin(place, messageId);
  await waitFor("the first read", () => answers.length === 2);
  answer.reach(position); // which it has
  answer.end();
  await waitFor("the failure", () => seen.errors.length === 1);
  answer.reach(position);
  expect(JSON.parse(await text(answer.body))).toEqual({ output: "Hi" });
});
