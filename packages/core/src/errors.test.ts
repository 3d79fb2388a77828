import { expect, test } from "vitest";
import { ChatError, ERRORS, toProblem } from "./errors.ts";

test("codes and statuses are what clients rely on", () => {
  const statuses = Object.entries(ERRORS).map(([code, { status }]) => [code, status]);
  expect(Object.fromEntries(statuses)).toEqual({
    validation_failed: 400,
    malformed_json: 400,
    unauthorized: 401,
    forbidden: 403,
    not_found: 404,
    session_not_found: 404,
    conflict: 409,
    session_expired: 410,
    payload_too_large: 413,
    unsupported_media_type: 415,
    idempotency_mismatch: 422,
    rate_limited: 429,
    internal: 500,
    unavailable: 503,
  });
});

test("only what may succeed later is called retryable", () => {
  const retryable = Object.entries(ERRORS).filter(([, entry]) => entry.retryable);
  expect(retryable.map(([code]) => code)).toEqual(["rate_limited", "internal", "unavailable"]);
});

test("a problem document says what RFC 9457 asks for, and no more than it should", () => {
  const cause = new Error("password=hunter2");
  const error = new ChatError("session_expired", "the session ended", { cause, retryAfterSeconds: 3 });
  expect(toProblem(error, "request-1")).toEqual({
    type: "urn:chat-relay:error:session_expired",
    title: "The session has expired or was ended",
    status: 410,
    detail: "the session ended",
    code: "session_expired",
    requestId: "request-1",
  });
});

test("a problem names the faulty fields where there are some", () => {
  const errors = [{ pointer: "#/content", detail: "is required" }];
  const problem = toProblem(new ChatError("validation_failed", "#/content is required", { errors }), "request-1");
  expect(problem.errors).toEqual(errors);
});

test("an error keeps its cause for the log", () => {
  const cause = new Error("connection refused");
  expect(new ChatError("unavailable", "try again", { cause }).cause).toBe(cause);
  expect("cause" in new ChatError("unavailable", "try again")).toBe(false);
});
