import { beforeEach, expect, test } from "vitest";
import { createMergedLog } from "./merged-log.ts";

let written: string;
const write = (text: string): void => void (written += text);
beforeEach(() => (written = ""));

test("makes pino's lines readable, one line each, and passes others on", () => {
  const log = createMergedLog({ write, colour: false });
  log.from(
    "gateway",
    JSON.stringify({
      level: "info",
      time: "2026-01-02T03:04:05.678Z",
      service: "gateway",
      msg: "message.accepted",
      sequence: 7,
    }),
  );
  log.from("dispatcher", "a plain line");
  log.from("dispatcher", "");
  log.from("dispatcher", "{ no json }");
  log.say("ready");
  const lines = written.split("\n");
  expect(lines[0]).toMatch(/^gateway {4}\| \[\d\d:\d\d:05\.678\] INFO: message\.accepted \{"sequence":7\}$/);
  expect(lines.slice(1)).toEqual(["dispatcher | a plain line", "dispatcher | { no json }", "chat-relay | ready", ""]);
});

test("colours the names only when asked to, one colour per name", () => {
  const log = createMergedLog({ write, colour: true });
  log.from("a", "1");
  log.from("b", "2");
  log.from("a", "3");
  expect([...written.matchAll(/\u001b\[(\d+)m/g)].map(([, code]) => code)).toEqual([
    "36",
    "39",
    "35",
    "39",
    "36",
    "39",
  ]);
});

test("lets nothing through that drives the terminal", () => {
  createMergedLog({ write, colour: false }).from("x", "one\u001b[2Jtwo\u001b]0;title\u0007three\u001b[31mred");
  expect(written).toBe("x          | one[2Jtwo]0;titlethree\u001b[31mred\n");
});
