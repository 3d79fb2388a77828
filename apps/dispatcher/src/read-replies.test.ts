import { describe, expect, test } from "vitest";
import { readReplies } from "./read-replies.ts";

const LIMITS = { replyMaxBytes: 20, replyMaxCount: 3 };
const read = (contentType: string, body: string | Buffer) =>
  readReplies({ contentType, body: Buffer.from(body) }, LIMITS);
const json = (body: string) => read("application/json; charset=utf-8", body);
const replies = (...texts: string[]) => ({ kind: "replies", replies: texts });

describe("JSON", () => {
  test.each([
    ['{"output":"a","text":"b"}', ["a"]],
    ['{"output":"","text":"b"}', ["b"]],
    ['{"output":7,"reply":"c"}', ["c"]],
    ['{"content":"d"}', ["d"]],
    ['"e"', ["e"]],
    ['["f",{"output":"g"},[{"text":"h"}]]', ["f", "g", "h"]],
    ['\uFEFF{"output":"i"}', ["i"]],
    ['{"output":" "}', [" "]],
  ])("%s holds %j", (body, expected) => {
    expect(json(body)).toEqual(replies(...expected));
  });

  test.each([
    '{"message":"Workflow was started"}',
    '{"executionStarted":true}',
    "",
    "  ",
    '""',
    "null",
    "42",
    "[]",
    "{}",
    '{"__proto__":{"output":"x"}}',
  ])("%s holds no reply", (body) => {
    expect(json(body)).toEqual(replies());
  });

  test.each(["{", "plain", '{"output":"a"} trailing'])("%s is unreadable", (body) => {
    expect(json(body)).toMatchObject({ kind: "unreadable" });
  });

  test("nested without end does not overflow the stack", () => {
    const depth = 100_000;
    expect(json("[".repeat(depth) + "]".repeat(depth))).toEqual(replies());
  });
});

test("plain text is the reply, other kinds are none", () => {
  expect(read("text/plain", "hello")).toEqual(replies("hello"));
  expect(read("TEXT/PLAIN;charset=utf-8", "hello")).toEqual(replies("hello"));
  expect(read("text/plain", "")).toEqual(replies());
  expect(read("text/html", "<b>hello</b>")).toEqual(replies());
  expect(read("", "hello")).toEqual(replies());
});

test("limits count bytes of UTF-8 and replies", () => {
  expect(json(JSON.stringify("é".repeat(10)))).toEqual(replies("é".repeat(10)));
  expect(json(JSON.stringify("é".repeat(11)))).toMatchObject({
    kind: "unreadable",
    problem: expect.stringContaining("22 bytes"),
  });
  expect(json('["a","b","c"]')).toEqual(replies("a", "b", "c"));
  expect(json('["a","b","c","d"]')).toMatchObject({
    kind: "unreadable",
    problem: expect.stringContaining("4 replies"),
  });
});

test("text that PostgreSQL cannot store is mended", () => {
  expect(json('{"output":"a\\u0000\\ud800"}')).toEqual(replies("a\uFFFD\uFFFD"));
  expect(read("text/plain", Buffer.from([0x61, 0xff]))).toEqual(replies("a\uFFFD"));
});
