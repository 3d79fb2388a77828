import { expect, test } from "vitest";
import type { Seen } from "./load.ts";
import { checkRefusals, REFUSED_WELL, refusals } from "./refusals.ts";

function seen(status: number, more: Partial<Seen> = {}): Seen {
  return { status, retryAfter: null, isProblem: status >= 400, lost: undefined, atMs: 0, tookMs: 1, ...more };
}

const later = (status: number) => seen(status, { retryAfter: "2" });
const lost = (reason: string) => seen(0, { lost: reason });

/** What any case may see. */
const FINE = [
  ...[200, 201, 202].map((status) => seen(status)),
  later(503),
  ...["ECONNREFUSED", "ECONNRESET", "EPIPE", "UND_ERR_SOCKET"].map(lost),
];

/** Limits are off, as in most worlds. */
const USUAL = { CHAT_RATE_LIMIT_DISABLED: "true" };
const LIMITED = { CHAT_RATE_LIMIT_DISABLED: "false" };

const check = (load: Seen[], bot: Seen[], env: Record<string, string> = USUAL) =>
  checkRefusals({ world: { env }, load: { seen: load }, bot: { seen: bot } });

test("successes, 503 with Retry-After and broken connections are as they may be", () => {
  expect(() => check(FINE, FINE)).not.toThrow();
});

test("429 may be where limits are on, and nowhere else", () => {
  expect(() => check([later(429)], [later(429)], LIMITED)).not.toThrow();
  expect(() => check([later(429)], [])).toThrow("a visitor was answered 429 with retry-after 2");
  expect(() => check([], [seen(429)], LIMITED)).toThrow("a workflow was answered 429 with retry-after null");
});

test.each<[string, Seen, string]>([
  ["a 500", seen(500), "500 with retry-after null"],
  ["a 500 that says when to come again", later(500), "500 with retry-after 2"],
  ["a 502", later(502), "502 with retry-after 2"],
  ["a 504", later(504), "504 with retry-after 2"],
  ["503 without Retry-After", seen(503), "503 with retry-after null"],
  ["503 with a Retry-After of nothing", seen(503, { retryAfter: "0" }), "503 with retry-after 0"],
  ["503 with a Retry-After of no number", seen(503, { retryAfter: "soon" }), "503 with retry-after soon"],
  [
    "503 without a problem document",
    seen(503, { retryAfter: "2", isProblem: false }),
    "503 with retry-after 2 and no problem document",
  ],
  ...[400, 401, 404, 409, 410, 422].map((status): [string, Seen, string] => [
    `a ${status}`,
    seen(status),
    `${status} with retry-after null`,
  ]),
  ["a redirect", seen(302), "302 with retry-after null"],
  ["no answer in time", lost("TimeoutError: it took too long"), "not at all: TimeoutError: it took too long"],
  ["a connection that nobody took in time", lost("UND_ERR_CONNECT_TIMEOUT"), "not at all: UND_ERR_CONNECT_TIMEOUT"],
  ["an answer that is no HTTP", lost("HPE_INVALID_CONSTANT"), "not at all: HPE_INVALID_CONSTANT"],
])("%s is found, with visitors and with workflows", (_, answer, shown) => {
  expect(refusals({ seen: [...FINE, answer] })).toEqual([expect.stringContaining(shown)]);
  expect(() => check([...FINE, answer], FINE)).toThrow(`${REFUSED_WELL}: 1 times, such as a visitor was answered`);
  expect(() => check(FINE, [answer, ...FINE])).toThrow(`${REFUSED_WELL}: 1 times, such as a workflow was answered`);
});
