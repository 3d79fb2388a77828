import type { FakeAnswer } from "@chat-relay/testkit/fake-n8n";
import { gzipSync, brotliCompressSync } from "node:zlib";
import { TEXT_CANARY } from "../rig/product-env.ts";

/** What the contract makes of an answer. */
export type Outcome =
  /** Answered with these replies. */
  | { kind: "replies"; texts: string[] }
  /** Taken; no reply came. */
  | { kind: "no reply" }
  /** Failed at its first attempt: another cannot help. */
  | { kind: "failed at once" }
  /** A failed attempt; the usual bot answers the next. */
  | { kind: "refused" };

export interface HostileAnswer {
  name: string;
  answer: FakeAnswer;
  outcome: Outcome;
}

const JSON_TYPE = { "content-type": "application/json" };
const REPLACED = "\uFFFD";
const NO_REPLY: Outcome = { kind: "no reply" };
const FAILED: Outcome = { kind: "failed at once" };
const REFUSED: Outcome = { kind: "refused" };
const replies = (...texts: string[]): Outcome => ({ kind: "replies", texts });

const json = (name: string, body: string | Buffer, outcome: Outcome, headers = {}): HostileAnswer => ({
  name,
  answer: { headers: { ...JSON_TYPE, ...headers }, body },
  outcome,
});
const text = (name: string, body: string | Buffer, outcome: Outcome, contentType = "text/plain"): HostileAnswer => ({
  name,
  answer: { headers: { "content-type": contentType }, body },
  outcome,
});
const refusal = (name: string, status: number, body: string | Buffer, outcome: Outcome = REFUSED): HostileAnswer => ({
  name,
  answer: { status, body },
  outcome,
});

const COMBINING = `e${"\u0301".repeat(20_000)}`;
const RIGHT_TO_LEFT = "\u202Egnp.exe\u202C\u2066\u2069\u200F";
const FAMILY = "\u{1F468}\u200D\u{1F469}\u200D\u{1F467}\u200D\u{1F466}";
const ASTRAL = "\u{10FFFF}\u{1F600}\u{20000}".repeat(100);
/** Surrogates as UTF-8 would write them, were it allowed to; an overlong NUL; bytes that are nothing. */
const NOT_UTF8 = Buffer.from([0xed, 0xa0, 0x80, 0xc0, 0x80, 0xff, 0xfe, 0xf8]);
const MANY = Array.from({ length: 300 }, (_, index) => `part ${index}`);
const nested = (depth: number, inner: string) => `${"[".repeat(depth)}${inner}${"]".repeat(depth)}`;
const deepObject = (depth: number) => `${'{"output":'.repeat(depth)}1${"}".repeat(depth)}`;

const TEXTS: HostileAnswer[] = [
  json("NUL", String.raw`{"output":"a\u0000b"}`, replies(`a${REPLACED}b`)),
  json("nothing but NUL", String.raw`{"output":"\u0000"}`, replies(REPLACED)),
  json("high surrogate", String.raw`{"output":"a\ud800b"}`, replies(`a${REPLACED}b`)),
  json("low surrogate at the end", String.raw`["a\udfff"]`, replies(`a${REPLACED}`)),
  json("surrogates the wrong way round", String.raw`"\udc00\ud800"`, replies(REPLACED + REPLACED)),
  json(
    "unknown fields with NUL and surrogates",
    String.raw`{"\u0000":"\ud800","x":{"\udfff":1},"output":"ok"}`,
    replies("ok"),
  ),
  json("right to left", JSON.stringify({ output: RIGHT_TO_LEFT }), replies(RIGHT_TO_LEFT)),
  json("flood of combining marks", JSON.stringify({ text: COMBINING }), replies(COMBINING)),
  json("joined emoji", JSON.stringify({ reply: FAMILY }), replies(FAMILY)),
  json("four bytes each", JSON.stringify({ content: ASTRAL }), replies(ASTRAL)),
  json(
    "not UTF-8",
    Buffer.concat([Buffer.from('{"output":"'), NOT_UTF8, Buffer.from('"}')]),
    replies(NOT_UTF8.toString("utf8")),
  ),
  json("byte order mark", '\uFEFF{"output":"marked"}', replies("marked")),
  json(
    "markup and headers",
    JSON.stringify({ output: "<script>\r\n\r\nevent: end\r\ndata: {}" }),
    replies("<script>\r\n\r\nevent: end\r\ndata: {}"),
  ),
  text("text with NUL", "a\0b", replies(`a${REPLACED}b`)),
  text("text that is not UTF-8", NOT_UTF8, replies(NOT_UTF8.toString("utf8"))),
  text("text with a byte order mark", "\uFEFFmarked", replies("marked")),
  text("text that looks like JSON", '{"output":"x"}', replies('{"output":"x"}')),
];

const STRUCTURES: HostileAnswer[] = [
  json("prototype", '{"__proto__":{"output":"no"},"output":"yes"}', replies("yes")),
  json(
    "nothing but a prototype",
    '{"__proto__":{"output":"no"},"constructor":{"prototype":{"output":"no"}}}',
    NO_REPLY,
  ),
  json("the same field twice", '{"output":"first","output":"second"}', replies("second")),
  json("fields of other types", '{"output":{"a":1},"text":7,"reply":null,"content":["no"]}', NO_REPLY),
  json("numbers beyond all bounds", '{"n":1e999999,"m":-0,"output":"ok"}', replies("ok")),
  json("deep arrays", nested(200_000, '"deep"'), NO_REPLY),
  json("deep objects", deepObject(80_000), NO_REPLY),
  json("deep arrays that never close", "[".repeat(500_000), FAILED),
  json("an array of many replies", JSON.stringify(MANY), replies(...MANY)),
  json("an array of too many replies", JSON.stringify(Array.from({ length: 20_000 }, () => "x")), FAILED),
  json("an array of nothing, often", JSON.stringify(Array.from({ length: 300_000 }, () => ({}))), NO_REPLY),
  json("a reply of 256 KiB", JSON.stringify({ output: "z".repeat(256 * 1_024) }), replies("z".repeat(256 * 1_024))),
  json("a reply of 256 KiB and a byte", JSON.stringify({ output: "z".repeat(256 * 1_024 + 1) }), FAILED),
  ...["null", "true", "0", '""', "{}", "[]", "[null,[],{}]", " \n\t "].map((body) =>
    json(`JSON ${JSON.stringify(body)}`, body, NO_REPLY),
  ),
];

const UNREADABLE: HostileAnswer[] = [
  json("a bare NUL within JSON", '{"output":"a\0b"}', FAILED),
  json("JSON cut short", '{"output":"half', FAILED),
  json("two JSON texts", '{"output":"a"}{"output":"b"}', FAILED),
  json("text labelled as JSON", "hello", FAILED),
  json("JSON in UTF-16", Buffer.from('\uFEFF{"output":"x"}', "utf16le"), FAILED),
  json("gzip", gzipSync('{"output":"x"}'), FAILED, { "content-encoding": "gzip" }),
  json("brotli", brotliCompressSync('{"output":"x"}'), FAILED, { "content-encoding": "br" }),
  json("an encoding that is none", '{"output":"x"}', FAILED, { "content-encoding": "x\u00ff" }),
  json("encoded as it is", '{"output":"plain"}', replies("plain"), { "content-encoding": "identity" }),
  json("nothing, compressed", "", NO_REPLY, { "content-encoding": "gzip" }),
];

const OTHER_TYPES: HostileAnswer[] = [
  json("nothing", "", NO_REPLY),
  { name: "204", answer: { status: 204, headers: JSON_TYPE }, outcome: NO_REPLY },
  text("empty text", "", NO_REPLY),
  text("HTML", '<p>{"output":"x"}</p>', NO_REPLY, "text/html"),
  text("bytes", '{"output":"x"}', NO_REPLY, "application/octet-stream"),
  text("an empty type", '{"output":"x"}', NO_REPLY, ""),
  text("a type of 4,000 characters", '{"output":"x"}', NO_REPLY, `text/${"x".repeat(4_000)}`),
  text("a type in capitals", '{"output":"loud"}', replies("loud"), "APPLICATION/JSON; charset=UTF-16"),
];

const REFUSALS: HostileAnswer[] = [
  refusal("500 with NUL", 500, "a\0b\0"),
  refusal("500 that is not UTF-8", 500, NOT_UTF8),
  refusal("500 with escapes", 500, String.raw`{"message":"\u0000\ud800"}`),
  refusal("503 with a flood of combining marks", 503, COMBINING),
  refusal("500 with an emoji where it is cut", 500, `${"x".repeat(482)}${"\u{1F600}".repeat(40)}`),
  refusal("404 that quotes the visitor", 404, `no workflow for ${TEXT_CANARY}`),
  refusal("999", 999, "x"),
  refusal("410", 410, "gone", FAILED),
  refusal("410 with NUL", 410, "gone\0", FAILED),
  refusal("410 that is not UTF-8", 410, NOT_UTF8, FAILED),
];

/** Answers that no well-behaved workflow gives, and some that only look so. */
export const HOSTILE_ANSWERS: HostileAnswer[] = [...TEXTS, ...STRUCTURES, ...UNREADABLE, ...OTHER_TYPES, ...REFUSALS];
