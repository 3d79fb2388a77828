import { describe, expect, test } from "vitest";
import type { AnswerForm } from "./answer-form.ts";
import { streamedAnswer } from "./streamed-answer.ts";

const replyTo = "01a204da-05d2-7348-8179-58e517fc07b1";

interface Line {
  type: string;
  content?: string;
  metadata: { runIndex: number };
}

function lines(text: string): string[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line)
    .map(({ type, content, metadata }) =>
      [type, metadata.runIndex, content].filter((part) => part !== undefined).join(" "),
    );
}

function say(form: AnswerForm, content: string, offset: number, block = 0): string[] {
  return lines(form.show([{ replyTo, block, offset, content }]));
}

const BROKEN_OFF = "\n\n*(This answer broke off.)*";

describe("text that only grows", () => {
  test("is sent piece by piece, and the rest of it at the end", () => {
    const form = streamedAnswer();
    expect(say(form, "Once ", 0)).toEqual(["begin 0", "item 0 Once "]);
    expect(say(form, "upon", 5)).toEqual(["item 0 upon"]);
    expect(lines(form.finish(["Once upon a time"]))).toEqual(["item 0  a time", "end 0"]);
  });

  test("of several replies is several runs; what was not shown of them comes at the end", () => {
    const form = streamedAnswer();
    expect(say(form, "One", 0, 0)).toEqual(["begin 0", "item 0 One"]);
    expect(say(form, "Two", 0, 1)).toEqual(["begin 1", "item 1 Two"]);
    expect(lines(form.finish(["One", "Two!", "Three"]))).toEqual([
      "end 0",
      "item 1 !",
      "end 1",
      "begin 2",
      "item 2 Three",
      "end 2",
    ]);
  });

  test("that is sent again from its beginning is not shown twice", () => {
    const form = streamedAnswer();
    say(form, "Once upon", 0);
    expect(say(form, "Once", 0)).toEqual([]);
    expect(say(form, " upon a", 4)).toEqual(["item 0  a"]);
  });

  test("has line ends only inside of its JSON", () => {
    const text = streamedAnswer().finish(["one\ntwo"]);
    expect(text.split("\n")).toHaveLength(4);
    expect(lines(text)[1]).toBe("item 0 one\ntwo");
  });
});

describe("text that is withdrawn", () => {
  test("stays as it is until it is known what comes in its place, and goes on when that is the same", () => {
    const form = streamedAnswer();
    say(form, "Once upon", 0);
    expect(say(form, "", 0)).toEqual([]);
    expect(say(form, "Once", 0)).toEqual([]);
    expect(say(form, " upon a time", 4)).toEqual(["item 0  a time"]);
    expect(lines(form.finish(["Once upon a time"]))).toEqual(["end 0"]);
  });

  test("is marked as broken off when another comes, which begins anew", () => {
    const form = streamedAnswer();
    say(form, "Once upon", 0);
    say(form, "", 0);
    const next = ["begin 1", "item 1 Only"];
    expect(say(form, "Only", 0)).toEqual([`item 0 ${BROKEN_OFF}`, "end 0", ...next]);
    expect(lines(form.finish(["Only this"]))).toEqual(["item 1  this", "end 1"]);
  });

  test("and is longer than the reply that begins like it, is not taken for that reply", () => {
    const form = streamedAnswer();
    say(form, "Once upon a time", 0);
    expect(lines(form.finish(["Once upon"]))).toEqual([
      `item 0 ${BROKEN_OFF}`,
      "end 0",
      "begin 1",
      "item 1 Once upon",
      "end 1",
    ]);
  });

  test("and of which no reply comes is marked, also when there is an error instead", () => {
    const withReply = streamedAnswer();
    say(withReply, "Lost", 0, 1);
    expect(lines(withReply.finish(["Kept"]))).toEqual([
      "begin 1",
      "item 1 Kept",
      "end 1",
      `item 0 ${BROKEN_OFF}`,
      "end 0",
    ]);
    const withError = streamedAnswer();
    say(withError, "Lost", 0);
    expect(lines(withError.fail("No answer"))).toEqual([`item 0 ${BROKEN_OFF}`, "end 0", "error 1 No answer"]);
  });
});
