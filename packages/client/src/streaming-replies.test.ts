import { expect, test } from "vitest";
import { StreamingReplies } from "./streaming-replies.ts";

function told(...pieces: [block: number, offset: number, content: string][]): StreamingReplies {
  const replies = new StreamingReplies();
  for (const [block, offset, content] of pieces) replies.take({ replyTo: "m1", block, offset, content });
  return replies;
}

function blocksOf(replies: StreamingReplies): readonly string[] | undefined {
  return replies.list[0]?.blocks;
}

test("pieces make the text of their block", () => {
  expect(blocksOf(told([0, 0, "Hel"], [0, 3, "lo"], [1, 0, "Bye"], [0, 5, "!"]))).toEqual(["Hello!", "Bye"]);
});

test("offsets count UTF-16 units, and what is told again is not doubled", () => {
  expect(blocksOf(told([0, 0, "😀a"], [0, 3, "b"], [0, 3, "b"], [0, 2, "A"]))).toEqual(["😀A"]);
});

test("offset 0 begins anew: the text so far, or another attempt", () => {
  expect(blocksOf(told([0, 0, "first try"], [0, 0, "sec"], [0, 3, "ond"]))).toEqual(["second"]);
});

test("a block that has not begun is empty", () => {
  expect(blocksOf(told([2, 0, "third"]))).toEqual(["", "", "third"]);
});

test("withdrawn text is gone, and with the last of it the reply", () => {
  expect(blocksOf(told([0, 0, "a"], [1, 0, "b"], [0, 0, ""]))).toEqual(["", "b"]);
  expect(told([0, 0, "a"], [1, 0, "b"], [0, 0, ""], [1, 0, ""]).list).toEqual([]);
});

test("text with a hole is not shown", () => {
  expect(blocksOf(told([0, 0, "Hel"], [0, 9, "world"]))).toEqual(["Hel"]);
  expect(told([0, 5, "world"]).list).toEqual([]);
});

test("what is left over of a finished reply is late, and a second reply to the same message is not", () => {
  const replies = told([0, 0, "Hello"]);
  replies.finish("m1");
  expect(replies.list).toEqual([]);
  replies.take({ replyTo: "m1", block: 0, offset: 5, content: " world" });
  replies.take({ replyTo: "m1", block: 0, offset: 0, content: "" });
  expect(replies.list).toEqual([]);
  replies.take({ replyTo: "m1", block: 0, offset: 0, content: "And" });
  expect(blocksOf(replies)).toEqual(["And"]);
});

test("the list is the same until something changes", () => {
  const replies = told([0, 0, "a"]);
  const { list } = replies;
  replies.finish("another");
  replies.take({ replyTo: "m1", block: 0, offset: 7, content: "late" });
  expect(replies.list).toBe(list);
  replies.take({ replyTo: "m1", block: 0, offset: 1, content: "b" });
  expect(replies.list).not.toBe(list);
  expect(list[0]?.blocks).toEqual(["a"]);
});
