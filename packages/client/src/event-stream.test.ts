import { expect, test } from "vitest";
import { EventStreamParser } from "./event-stream.ts";

const encoder = new TextEncoder();

/** What the parser makes of these pieces, in the order it tells. */
function read(pieces: Iterable<Uint8Array>, maxChars?: number) {
  const events: string[][] = [];
  const parser = new EventStreamParser("", (type, data) => events.push([type, data, parser.lastEventId]), maxChars);
  for (const piece of pieces) parser.push(piece);
  return { events, lastEventId: parser.lastEventId, retryMs: parser.retryMs };
}

function readText(text: string) {
  return read([encoder.encode(text)]);
}

const SAMPLE = [
  ": a comment",
  "retry: 2000",
  "",
  "event: ready",
  "id: s.1",
  'data: {"a":"ü 😀"}',
  "",
  "data: first",
  "data:second",
  "data",
  "data:  third",
  "",
  "event: nothing said",
  "",
  "id",
  "unknown: field",
  "event:delta",
  "data: x: y",
  "",
  "data: never finished",
];

const EXPECTED = {
  events: [
    ["ready", '{"a":"ü 😀"}', "s.1"],
    ["message", "first\nsecond\n\n third", "s.1"],
    ["delta", "x: y", ""],
  ],
  lastEventId: "",
  retryMs: 2000,
};

test.each([
  ["LF", "\n"],
  ["CRLF", "\r\n"],
  ["CR", "\r"],
])("an event stream with %s reads the same, whatever pieces it comes in", (_name, lineEnd) => {
  const bytes = encoder.encode(SAMPLE.join(lineEnd));
  expect(read([bytes])).toEqual(EXPECTED);
  expect(read(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(EXPECTED);
  for (let at = 0; at <= bytes.length; at += 1) {
    expect(read([bytes.subarray(0, at), bytes.subarray(at)]), `cut at ${at}`).toEqual(EXPECTED);
  }
});

test("an event is told at once, though its last line end may go on as CRLF", () => {
  expect(readText("data: now\r\r").events).toEqual([["message", "now", ""]]);
});

test("a byte order mark is left out at the beginning, also in pieces, and is text elsewhere", () => {
  const bytes = encoder.encode("\uFEFFdata: a\uFEFF\n\n");
  expect(read([bytes.subarray(0, 1), bytes.subarray(1, 2), bytes.subarray(2)]).events).toEqual([
    ["message", "a\uFEFF", ""],
  ]);
});

test("the id counts from the event that it came with, and one that came without its end does not", () => {
  expect(readText("id: 1\ndata: a\n\nid: 2\ndata: b").lastEventId).toBe("1");
  expect(readText("id: 1\ndata: a\n\nid: 2\n\n").lastEventId).toBe("2");
  expect(readText("id: 1\ndata: a\n\nid: with\0null\ndata: b\n\n").lastEventId).toBe("1");
});

test("a retry that is no number is left out", () => {
  expect(readText("retry: 500\n\nretry: -1\n\nretry: 1e9\n\n").retryMs).toBe(500);
});

test("a line or an event beyond all measure is refused", () => {
  const line = encoder.encode("data: 0123456789");
  expect(() => read([line, line], 20)).toThrow("too large");
  const shortLines = encoder.encode("data: 01234\n");
  expect(() => read([shortLines, shortLines, shortLines, shortLines], 20)).toThrow("too large");
  expect(read(Array(40).fill(encoder.encode("data: 01234\n\n")), 20).events).toHaveLength(40);
});
