import { expect, test } from "vitest";
import { historyRequestOf } from "./history-request.ts";

const SETTINGS = { sessionId: "session-1", limit: 50, before: "" };
const STARTED = {
  sessionId: "session-1",
  messageId: "message-1",
  callbackUrl: "http://of-the-message/api/chat/webhook",
};

const request = (callbackUrl: string, settings: Partial<typeof SETTINGS> = {}) =>
  historyRequestOf({ ...SETTINGS, ...settings }, { callbackUrl, started: STARTED });

test.each([
  ["https://chat.example/api/chat/webhook", "https://chat.example/api/chat/history"],
  ["https://chat.example/behind/webhook/api/chat/webhook/", "https://chat.example/behind/webhook/api/chat/history"],
  ["", "http://of-the-message/api/chat/history"],
])("the callback URL %j has its histories at %s", (callbackUrl, url) => {
  expect(request(callbackUrl)).toMatchObject({ ok: true, url });
});

test("asks for so many, and for those before a message where one is given", () => {
  expect(request("")).toMatchObject({ body: { sessionId: "session-1", limit: 50 } });
  const body = { sessionId: "session-1", limit: 2, before: "message-7" };
  expect(request("", { limit: 2, before: "message-7" })).toMatchObject({ body });
});

test.each([
  ["no session", { callbackUrl: "", started: STARTED }, { sessionId: "" }, /no session ID/],
  ["no address", { callbackUrl: "", started: undefined }, {}, /no callback URL/],
  [
    "another address",
    { callbackUrl: "https://chat.example/hook", started: undefined },
    {},
    /does not end in \/webhook/,
  ],
])("%s: nothing is asked, and it is said why", (_name, source, settings, problem) => {
  expect(historyRequestOf({ ...SETTINGS, ...settings }, source)).toEqual({
    ok: false,
    problem: expect.stringMatching(problem),
  });
});
