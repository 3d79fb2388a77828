import { expect, test } from "vitest";
import { rateLimitHeaders } from "./rate-limit-headers.ts";

test("says policy and state as the IETF draft does", () => {
  const state = { policy: "messages", limit: { count: 10, seconds: 60 }, remaining: 7, resetSeconds: 41 };
  expect(rateLimitHeaders(state)).toEqual({
    "ratelimit-policy": '"messages";q=10;w=60',
    ratelimit: '"messages";r=7;t=41',
  });
});
