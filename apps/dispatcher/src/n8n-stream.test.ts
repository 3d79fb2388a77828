import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toStorable } from "@chat-relay/core/text";
import { repliesInJson } from "./json-replies.ts";
import { N8nStream, type StreamResult } from "./n8n-stream.ts";

const LIMITS = { replyMaxBytes: 262_144, replyMaxCount: 10_000 };

interface Heard {
  result: StreamResult | undefined;
  /** What onText was called with, in order. */
  pieces: [block: number, text: string][];
}

function hear(chunks: Iterable<Uint8Array>, limits = LIMITS): Heard {
  const pieces: Heard["pieces"] = [];
  const stream = new N8nStream({ limits, onText: (block, text) => pieces.push([block, text]) });
  for (const chunk of chunks) stream.write(chunk);
  return { result: stream.finish(), pieces };
}

const hearBody = (body: string, limits = LIMITS) => hear([Buffer.from(body)], limits);
const shownOf = (pieces: Heard["pieces"], block: number) =>
  pieces
    .filter(([number]) => number === block)
    .map(([, text]) => text)
    .join("");

type Line = Record<string, unknown>;
const body = (...lines: Line[]) => lines.map((line) => `${JSON.stringify(line)}\n`).join("");
const line = (type: string, nodeId?: string, content?: string): Line => ({
  type,
  ...(content === undefined ? {} : { content }),
  ...(nodeId === undefined ? {} : { metadata: { nodeId, nodeName: "AI Agent", itemIndex: 0, runIndex: 0 } }),
});
const item = (content: string, nodeId = "n1") => line("item", nodeId, content);
const begin = (nodeId = "n1") => line("begin", nodeId);
const end = (nodeId = "n1") => line("end", nodeId);
const replies = (...texts: string[]) => ({ kind: "replies", replies: texts });

/** As a real n8n 2.41.1 sends them. */
const meta = (nodeId: string, nodeName: string, timestamp: number) =>
  `"metadata":{"nodeId":"${nodeId}","nodeName":"${nodeName}","itemIndex":0,"runIndex":0,"timestamp":${timestamp}}`;
const AGENT_BEGINS = `{"type":"begin",${meta("n1", "AI Agent", 1795341651867)}}\n`;
const AGENT_SAYS = [
  `{"type":"item","content":"Hello",${meta("n1", "AI Agent", 1795341653368)}}\n`,
  `{"type":"item","content":" from",${meta("n1", "AI Agent", 1795341653371)}}\n`,
].join("");
const AGENT_ENDS = `{"type":"end",${meta("n1", "AI Agent", 1795341653420)}}\n`;
const STOP = '{"type":"error","metadata":{"nodeId":"n2","nodeName":"Stop","runIndex":0,"itemIndex":0}}\n';
const RESPONDS = `{"type":"item","content":"{\\"output\\":\\"You said: hi\\"}",${meta("n3", "Respond", 1795341653500)}}\n`;
const KEEPALIVE = '{"type":"keepalive"}\n';

describe("what n8n sends", () => {
  test("an agent's tokens are one reply, shown as they come", () => {
    const heard = hearBody(AGENT_BEGINS + AGENT_SAYS + AGENT_ENDS);
    expect(heard.result).toEqual(replies("Hello from"));
    expect(heard.pieces).toEqual([
      [0, "Hello"],
      [0, " from"],
    ]);
  });

  test.each([
    ["without its end line", AGENT_BEGINS + AGENT_SAYS],
    ["without its begin line", AGENT_SAYS + AGENT_ENDS],
    ["after a keepalive", KEEPALIVE + AGENT_BEGINS + KEEPALIVE + AGENT_SAYS],
    ["without the last line feed", (AGENT_BEGINS + AGENT_SAYS).trimEnd()],
    ["with CRLF and blank lines", `\r\n${AGENT_BEGINS}  \n${AGENT_SAYS}`.replaceAll("\n", "\r\n")],
    ["after a byte order mark and white space", `\uFEFF \n\t${AGENT_BEGINS}${AGENT_SAYS}`],
    ["among what is ignored", `${AGENT_BEGINS}{"type":"tool"}\n[1]\n"item"\n7\nnull\n{}\n${AGENT_SAYS}`],
    ["beside items that say nothing", `${AGENT_BEGINS}{"type":"item"}\n{"type":"item","content":{}}\n${AGENT_SAYS}`],
  ])("the same %s", (_, answer) => {
    expect(hearBody(answer).result).toEqual(replies("Hello from"));
  });

  test("what Respond to Webhook sends is read by the JSON rule and never shown raw", () => {
    expect(hearBody(AGENT_BEGINS + AGENT_SAYS + RESPONDS)).toEqual({
      result: replies("Hello from", "You said: hi"),
      pieces: [
        [0, "Hello"],
        [0, " from"],
      ],
    });
  });

  test.each([
    ["after an end", AGENT_BEGINS + AGENT_SAYS + AGENT_ENDS + STOP],
    ["as the first line", STOP + AGENT_BEGINS + AGENT_SAYS],
    ["before a line that is not JSON", `${AGENT_BEGINS}${STOP}{broken\n`],
    ["after a line that is not JSON", `${AGENT_BEGINS}{broken\n${STOP}`],
    ["in an answer over its limits", `${AGENT_BEGINS}${body(item("x".repeat(300_000)))}${STOP}`],
    ["as the last line, not ended", AGENT_BEGINS + AGENT_SAYS + STOP.trimEnd()],
  ])("an error %s is a failed attempt", (_, answer) => {
    expect(hearBody(answer).result).toEqual({ kind: "error", problem: "n8n's stream reports an error" });
  });

  test("what n8n says about the error is kept, mended and cut", () => {
    const problemOf = (content: string) => hearBody(body(begin(), line("error", "n1", content))).result;
    const problem = (text: string) => ({ kind: "error", problem: `n8n's stream reports an error${text}` });
    expect(problemOf(" No\u0000model ")).toEqual(problem(": No\uFFFDmodel"));
    expect(problemOf("x".repeat(5_000))).toEqual(problem(`: ${"x".repeat(400)}`));
    expect(problemOf(" ")).toEqual(problem(""));
    const twice = [line("error", "n1", "first"), line("error", "n2", "second")].map((error) =>
      Buffer.from(body(error)),
    );
    expect(hear(twice).result).toEqual(problem(": first"));
    expect(hear([Buffer.concat(twice)]).result).toEqual(problem(": first"));
  });

  test("nothing is shown after an error or an unreadable line", () => {
    for (const bad of [STOP, "{broken\n", `${KEEPALIVE.trimEnd()}x\n`]) {
      const heard = hear(
        [AGENT_BEGINS, bad, AGENT_SAYS, RESPONDS, body(item("{", "n4"))].map((text) => Buffer.from(text)),
      );
      expect(heard.pieces).toEqual([]);
    }
  });

  test("a line that is not JSON makes the answer unreadable", () => {
    const unreadable = { kind: "unreadable", problem: "holds a line that is not JSON" };
    expect(hearBody(`${AGENT_BEGINS}${AGENT_SAYS}{"type":"item\n`).result).toEqual(unreadable);
    expect(hearBody(`${AGENT_BEGINS}${AGENT_SAYS}{"type":"it`).result).toEqual(unreadable);
    expect(hear([Buffer.from(KEEPALIVE.trimEnd()), Buffer.of(0xc3)]).result).toBeUndefined();
    expect(hear([Buffer.from(AGENT_BEGINS + STOP.replace("error", "end").trimEnd()), Buffer.of(0xc3)]).result).toEqual(
      unreadable,
    );
  });

  test("limits are those of every answer", () => {
    const tight = { replyMaxBytes: 4, replyMaxCount: 2 };
    expect(hearBody(body(item("é"), item("é")), tight).result).toEqual(replies("éé"));
    expect(hearBody(body(item("é"), item("éa")), tight).result).toEqual({
      kind: "unreadable",
      problem: expect.stringContaining("5 bytes"),
    });
    expect(hearBody(body(item("a"), item('["b","c"]', "n2")), tight).result).toEqual({
      kind: "unreadable",
      problem: expect.stringContaining("3 replies"),
    });
  });
});

describe("recognition", () => {
  const recognisedAfter = (...chunks: (string | Uint8Array)[]) => {
    const stream = new N8nStream({ limits: LIMITS, onText: () => undefined });
    for (const chunk of chunks) stream.write(Buffer.from(chunk));
    return stream.recognised;
  };

  test.each(["begin", "item", "end", "error", "keepalive"])("by a first line of type %s", (type) => {
    expect(recognisedAfter(`\n {"type":"${type}"}`)).toBeUndefined();
    expect(recognisedAfter(`\n {"type":"${type}"}\n`)).toBe(true);
    expect(hearBody(`{"type":"${type}"}`).result).toBeDefined();
  });

  test.each([
    "hello",
    '"begin"',
    '[{"type":"begin"}]\n',
    " \r\n\t7",
    "\uFEFF[",
    '{"output":"hi"}\n',
    '{\n"type":"begin"}',
    '{"type":"tool"}\n{"type":"begin"}\n',
    '{"type":["begin"]}\n',
    '{"__proto__":{"type":"begin"}}\n',
    '{"type":"begin",\n',
  ])("%j is another kind of answer, which is known at once", (answer) => {
    expect(recognisedAfter(answer)).toBe(false);
    expect(hearBody(`${answer}\n${AGENT_BEGINS}${AGENT_SAYS}`)).toEqual({ result: undefined, pieces: [] });
  });

  test.each(["", " \n ", "\uFEFF", '{"output":"hi"}', '{"type":"beg'])(
    "%j is known at its end to be none",
    (answer) => {
      expect(recognisedAfter(answer)).toBeUndefined();
      const stream = new N8nStream({ limits: LIMITS, onText: () => undefined });
      stream.write(Buffer.from(answer));
      expect(stream.finish()).toBeUndefined();
      expect(stream.recognised).toBe(false);
    },
  );

  test("a body that is no stream is not even decoded any more", () => {
    const stream = new N8nStream({ limits: LIMITS, onText: () => undefined });
    const undecodable = "no bytes" as unknown as Uint8Array;
    expect(() => stream.write(undecodable)).toThrow(TypeError);
    stream.write(Buffer.from("hello"));
    stream.write(undecodable);
    expect(stream.finish()).toBeUndefined();
  });
});

describe("blocks", () => {
  test("are told apart by node, run and item, and are in the order of their beginnings", () => {
    const at = (nodeId?: unknown, runIndex?: unknown, itemIndex?: unknown) => ({ nodeId, runIndex, itemIndex });
    const said = (content: string, metadata?: unknown): Line => ({ type: "item", content, metadata });
    const heard = hearBody(
      body(
        { type: "begin", metadata: at("b", 0, 0) },
        said("1", at("a", 0, 0)),
        said("2", at("a", 1, 0)),
        said("3", at("a", 0, 1)),
        said("4"),
        said("0", at("b", 0, 0)),
        said("1", { ...at("a", 0, 0), timestamp: 7 }),
        said("4", "no metadata"),
        said("4", at({}, [], null)),
        said("5", at("0", 0, 0)),
        said("6", at(0, 0, 0)),
      ),
    );
    expect(heard.result).toEqual(replies("0", "11", "2", "3", "444", "5", "6"));
    expect(heard.pieces.map(([block, text]) => `${block}${text}`)).toEqual([
      "11",
      "22",
      "33",
      "44",
      "00",
      "11",
      "44",
      "44",
      "55",
      "66",
    ]);
  });

  test("go on after an end, and those without text are no reply", () => {
    const heard = hearBody(
      body(begin(), item("a"), end(), end("n9"), begin("n2"), end("n2"), item("c", "n3"), begin(), item("b")),
    );
    expect(heard.result).toEqual(replies("ab", "c"));
    expect(heard.pieces).toEqual([
      [0, "a"],
      [2, "c"],
      [0, "b"],
    ]);
  });

  test("metadata nested without end does not overflow the stack", () => {
    const nested = "[".repeat(100_000) + "]".repeat(100_000);
    const answer = `{"type":"item","content":"a","metadata":{"nodeId":${nested}}}\n`;
    expect(hearBody(answer).result).toEqual(replies("a"));
  });

  test("half a surrogate pair waits for its other half; what PostgreSQL cannot store is mended", () => {
    const heard = hearBody(
      body(item("a\ud83d"), item("\udc4b\u0000\udc4b"), item("\ud83d"), item("\ud83d"), end(), item("b\ud83d")),
    );
    expect(heard.pieces).toEqual([
      [0, "a"],
      [0, "👋\uFFFD\uFFFD"],
      [0, "\uFFFD"],
      [0, "\uFFFDb"],
      [0, "\uFFFD"],
    ]);
    expect(heard.result).toEqual(replies("a👋\uFFFD\uFFFD\uFFFD\uFFFDb\uFFFD"));
    expect(hearBody(body(item('{"output":"a\\u0000'), item('\\ud83d"}'))).result).toEqual(replies("a\uFFFD\uFFFD"));
  });
});

describe("text that begins like JSON", () => {
  test.each([
    [["{", '"output":"hi"}']],
    [[" \n", "{ ", '"text":"hi" }\n']],
    [["[", '"hi"]']],
    [["[", "]", " "]],
    [["[[", "]]"]],
    [['[{"output":"hi"}', "]"]],
    [["[-1]"]],
    [["[0", "]"]],
    [["[", "true, false, null", "]"]],
    [["[null]"]],
    [["[false]"]],
    [["[\n", "]"]],
    [["{}"]],
    [['{"message":"Workflow was started"}']],
  ])("%j is JSON: read by its rule, never shown", (pieces) => {
    for (const tail of [[], [end()], [end(), item(" \n"), end()]]) {
      const heard = hearBody(body(begin(), ...pieces.map((piece) => item(piece)), ...tail));
      expect(heard).toEqual({ result: replies(...repliesInJson(JSON.parse(pieces.join("")))), pieces: [] });
    }
  });

  test.each([
    [["Hello"], [1]],
    [
      [" ", " hi"],
      [0, 1],
    ],
    [
      ["{name}", "!"],
      [1, 1],
    ],
    [
      ["{", "{x}}"],
      [0, 1],
    ],
    [["[link](url)"], [1]],
    [
      ["[", "Hi] there"],
      [0, 1],
    ],
    [
      ["\u00a0", "42"],
      [0, 1],
    ],
    [['"text"'], [1]],
  ])("%j is not: shown as soon as that is known", (pieces, callsAfterEach) => {
    const shown: string[] = [];
    const stream = new N8nStream({ limits: LIMITS, onText: (_, text) => shown.push(text) });
    const calls = pieces.map((piece) => {
      stream.write(Buffer.from(body(item(piece))));
      return shown.splice(0).length;
    });
    expect(calls).toEqual(callsAfterEach);
    expect(stream.finish()).toEqual(replies(pieces.join("")));
  });

  test("if it turns out to be none, it is shown at its end line or at the end of the body", () => {
    const pieces = [item('{"a":'), item(" b}")];
    const wait = [0, '{"a": b}'];
    expect(hearBody(body(...pieces, end(), item("c", "n2")))).toEqual({
      result: replies('{"a": b}', "c"),
      pieces: [wait, [1, "c"]],
    });
    expect(hearBody(body(...pieces, item("c", "n2")))).toEqual({
      result: replies('{"a": b}', "c"),
      pieces: [[1, "c"], wait],
    });
    expect(hearBody(body(item(" \n"))).pieces).toEqual([[0, " \n"]]);
    expect(hearBody(body(item("{"))).pieces).toEqual([[0, "{"]]);
  });

  test("JSON after which the same block goes on is text", () => {
    const heard = hearBody(body(item('{"output":"hi"}'), end(), item(" \u00a0"), item("more")));
    expect(heard.result).toEqual(replies('{"output":"hi"} \u00a0more'));
    expect(heard.pieces).toEqual([
      [0, '{"output":"hi"} \u00a0'],
      [0, "more"],
    ]);
  });

  test("an end line before any of it gives nothing away", () => {
    expect(hearBody(body(item("\n\n"), end(), begin(), item('{"output":"hi"}')))).toEqual({
      result: replies("hi"),
      pieces: [],
    });
  });

  test("what was shown at a premature end is still read by the rule", () => {
    const heard = hearBody(body(item('{"output":'), end(), begin(), item('"hi"}')));
    expect(heard.result).toEqual(replies("hi"));
  });
});

describe("any answer", () => {
  /** UTF-16 with what is hard about it: halves of pairs, U+0000, white space, brackets. */
  const text = fc.oneof(
    fc.string({
      unit: fc.constantFrom("a", "é", "世", "\ud83d", "\udc4b", "\u0000", " ", "\n", "{", "[", "}", '"', "1"),
    }),
    fc.string({ unit: "grapheme" }),
  );
  const jsonText = fc.oneof(
    fc.record({ output: text }).map((value) => JSON.stringify(value)),
    fc.json(),
    fc
      .array(fc.oneof(text, fc.record({ text })), { maxLength: 4 })
      .map((value) => ` ${JSON.stringify(value, null, 1)}\n`),
  );
  const cut = <T>(whole: T[], sizes: number[]): T[][] => {
    const parts: T[][] = [];
    for (let from = 0, turn = 0; from < whole.length; turn += 1) {
      const size = sizes.length === 0 ? whole.length : (sizes[turn % sizes.length] ?? 1);
      parts.push(whole.slice(from, from + size));
      from += size;
    }
    return parts;
  };
  const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 8 });
  const chunksOf = (bytes: Uint8Array, by: number[]) => cut([...bytes], by).map((part) => Uint8Array.from(part));

  const block = fc.tuple(fc.oneof(text, jsonText), sizes).map(([whole, by]) => ({
    whole,
    pieces: cut(whole.split(""), by).map((units) => units.join("")),
  }));
  /** Blocks whose lines are mixed by a list of whose turn it is. */
  const answer = fc
    .record({
      blocks: fc.array(block, { maxLength: 4 }),
      turns: fc.infiniteStream(fc.nat()),
      framed: fc.boolean(),
    })
    .map(({ blocks, turns, framed }) => {
      const waiting = blocks.map(({ pieces }, index) => {
        const lines = pieces.map((piece) => item(piece, `n${index}`));
        return framed ? [begin(`n${index}`), ...lines, end(`n${index}`)] : lines;
      });
      const lines: Line[] = [{ type: "keepalive" }];
      while (waiting.some((left) => left.length > 0)) {
        const open = waiting.filter((left) => left.length > 0);
        const next = open[turns.next().value % open.length]?.shift();
        if (next !== undefined) lines.push(next);
      }
      const order = [
        ...new Set(lines.flatMap(({ metadata }) => (metadata as { nodeId: string } | undefined)?.nodeId ?? [])),
      ];
      return {
        bytes: Buffer.from(body(...lines)),
        texts: order.map((node) => blocks[Number(node.slice(1))]?.whole ?? ""),
      };
    });

  /** The JSON in a text that is an object or array, else undefined. */
  const jsonIn = (whole: string): object | undefined => {
    try {
      const value: unknown = JSON.parse(whole);
      return typeof value === "object" && value !== null ? value : undefined;
    } catch {
      return undefined;
    }
  };

  test("says what its blocks say, and shows all of what is not JSON and nothing of what is", () => {
    fc.assert(
      fc.property(answer, sizes, ({ bytes, texts }, by) => {
        const { result, pieces } = hear(chunksOf(bytes, by));
        const stored = texts.map((whole) => toStorable(whole));
        const expected = stored.flatMap((whole) => {
          const json = jsonIn(whole);
          if (json !== undefined) return repliesInJson(json);
          return whole === "" ? [] : [whole];
        });
        expect(result).toEqual(replies(...expected.map(toStorable)));
        const shown = stored.map((whole) => (jsonIn(whole) === undefined ? whole : ""));
        expect(stored.map((_, number) => shownOf(pieces, number))).toEqual(shown);
        expect(pieces.every(([, piece]) => piece !== "" && piece.isWellFormed())).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  const anyLine = fc.oneof(
    fc.record({
      type: fc.constantFrom("begin", "item", "item", "item", "end", "tool"),
      content: fc.oneof(text, jsonText),
      metadata: fc.constantFrom(undefined, { nodeId: "a" }, { nodeId: "b", runIndex: 0, itemIndex: 1 }),
    }),
    fc.constantFrom({ type: "keepalive" }, { type: "error", content: "no" }, { type: "error" }),
    fc.jsonValue(),
  );
  const anyBytes = fc.oneof(
    anyLine.map((value) => Buffer.from(`${JSON.stringify(value)}\n`)),
    anyLine.map((value) => Buffer.from(`${JSON.stringify(value)}\n`)),
    anyLine.map((value) => Buffer.from(`${JSON.stringify(value)}\n`)),
    fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes)),
    fc.constantFrom("\n", "\r\n", "\uFEFF", " ", "{", '{"type":"item","content":"').map((bytes) => Buffer.from(bytes)),
    // Not UTF-8: broken off, overlong, a half of a pair.
    fc.constantFrom([0xf0, 0x9f], [0xc0, 0x80], [0xed, 0xa0, 0x80]).map((bytes) => Buffer.from(bytes)),
  );

  test("means the same however it is cut, also when it is none of n8n's", () => {
    fc.assert(
      fc.property(fc.array(anyBytes, { maxLength: 12 }), sizes, fc.boolean(), (parts, by, streamed) => {
        const bytes = Buffer.concat([Buffer.from(streamed ? KEEPALIVE : ""), ...parts]);
        expect(hear(chunksOf(bytes, by))).toEqual(hear([bytes]));
      }),
      { numRuns: 1_000 },
    );
  });

  test("costs no more when it comes byte by byte, or in many lines that settle nothing", { timeout: 30_000 }, () => {
    const long = "x".repeat(1_000_000);
    const bytes = Buffer.from(`{"output":"${long}"}`);
    const byByte = function* () {
      for (let at = 0; at < bytes.length; at += 1) yield bytes.subarray(at, at + 1);
    };
    expect(hear(byByte())).toEqual({ result: undefined, pieces: [] });
    const spaces = Array.from({ length: 10_000 }, () => [item(" "), end()]).flat();
    const json = JSON.stringify({ output: long });
    expect(hearBody(body(item(json), ...spaces), { ...LIMITS, replyMaxBytes: 1_000_000 })).toEqual({
      result: replies(long),
      pieces: [],
    });
  });
});
