import { describe, expect, test } from "vitest";
import { credentialTest } from "./credential-test.ts";

const DATA = { webhookSecret: "a-secret-for-the-tests", callbackUrl: " http://receiver/api/chat/webhook " };

/** What n8n shows, and what was asked of the address. */
async function tested(data: Record<string, unknown>, answer: () => unknown = () => ({ code: "validation_failed" })) {
  const requests: unknown[] = [];
  const request = async (options: object) => {
    requests.push(options);
    return answer();
  };
  return { ...(await credentialTest.testCredential.call({ helpers: { request } }, { data })), requests };
}

test("a callback with nothing in it is signed and sent, and refused as invalid by who has the same secret", async () => {
  const { status, requests } = await tested(DATA);
  expect(status).toBe("OK");
  expect(requests).toMatchObject([
    { url: "http://receiver/api/chat/webhook", method: "POST", body: "{}", simple: false, followRedirect: false },
  ]);
  expect(requests).toMatchObject([{ headers: { "webhook-signature": expect.stringMatching(/^v1,/) } }]);
});

test("without a callback URL nothing is sent and nothing is wrong", async () => {
  expect(await tested({ ...DATA, callbackUrl: "" })).toEqual({
    status: "OK",
    message: "Not tested: no callback URL",
    requests: [],
  });
});

test("a secret that can be none is told, also without a callback URL", async () => {
  const { status, message } = await tested({ webhookSecret: "short", callbackUrl: "" });
  expect(status).toBe("Error");
  expect(message).toMatch(/needs at least 16 characters/);
});

describe("an error is what", () => {
  test.each([
    ['{"code":"unauthorized"}', /another secret/],
    ['{"code":"rate_limited"}', /Too many tests/],
    ['{"code":"unavailable"}', /cannot take replies now/],
    ['{"code":"not_found"}', /no receiver of chat-relay/],
    ['{"code":"toString"}', /no receiver of chat-relay/],
    ["<html></html>", /no receiver of chat-relay/],
    ['{"status":"ok"}', /no receiver of chat-relay/],
    ["", /no receiver of chat-relay/],
  ])("answers %s", async (answer, message) => {
    expect(await tested(DATA, () => answer)).toMatchObject({
      status: "Error",
      message: expect.stringMatching(message),
    });
  });

  test("does not answer at all", async () => {
    const refuse = () => Promise.reject(new Error("connect ECONNREFUSED 127.0.0.1:9"));
    expect(await tested(DATA, refuse)).toMatchObject({ status: "Error", message: "connect ECONNREFUSED 127.0.0.1:9" });
  });
});
