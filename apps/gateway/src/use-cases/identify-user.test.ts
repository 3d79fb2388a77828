import { testConfig } from "@chat-relay/testkit/test-config";
import { SignJWT, UnsecuredJWT } from "jose";
import { describe, expect, test } from "vitest";
import { identifyUser } from "./identify-user.ts";

const SECRET = "sixteen-letters!";
const config = testConfig({ CHAT_IDENTITY_SECRET: SECRET });
const key = (secret: string) => new TextEncoder().encode(secret);
const unauthorized = expect.objectContaining({ code: "unauthorized" });

function sign(claims: object, options: { secret?: string; alg?: string } = {}): Promise<string> {
  const { secret = SECRET, alg = "HS256" } = options;
  return new SignJWT({ ...claims }).setProtectedHeader({ alg }).sign(key(secret));
}

const inAnHour = () => Math.floor(Date.now() / 1_000) + 3_600;

describe("with an identity secret", () => {
  test("a valid token proves its user", async () => {
    const userToken = await sign({ sub: "user123", exp: inAnHour() });
    const proven = { userId: "user123", authenticated: true };
    expect(await identifyUser({ userToken }, config)).toEqual(proven);
    expect(await identifyUser({ userToken, userId: "user123" }, config)).toEqual(proven);
  });

  test("length counts code points", async () => {
    const sub = "😀".repeat(128);
    expect((await identifyUser({ userToken: await sign({ sub, exp: inAnHour() }) }, config)).userId).toBe(sub);
  });

  test.each([
    ["expired", () => sign({ sub: "u", exp: inAnHour() - 7_200 })],
    ["without exp", () => sign({ sub: "u" })],
    ["not valid yet", () => sign({ sub: "u", exp: inAnHour(), nbf: inAnHour() })],
    ["without sub", () => sign({ exp: inAnHour() })],
    ["with an empty sub", () => sign({ sub: "", exp: inAnHour() })],
    ["with too long a sub", () => sign({ sub: "😀".repeat(129), exp: inAnHour() })],
    ["with a sub that cannot be stored", () => sign({ sub: "a\u0000b", exp: inAnHour() })],
    ["with a sub that is no text", () => sign({ sub: 7, exp: inAnHour() })],
    [
      "signed with another secret",
      () => sign({ sub: "u", exp: inAnHour() }, { secret: "another-secret-of-32-characters!" }),
    ],
    ["signed with HS512", () => sign({ sub: "u", exp: inAnHour() }, { alg: "HS512" })],
    ["unsigned", async () => new UnsecuredJWT({ sub: "u", exp: inAnHour() }).encode()],
    ["no JWT", async () => "abc"],
  ])("a token %s is refused", async (_what, make) => {
    await expect(identifyUser({ userToken: await make() }, config)).rejects.toThrow(unauthorized);
  });

  test("another userId beside it is a fault of the request", async () => {
    const userToken = await sign({ sub: "user123", exp: inAnHour() });
    await expect(identifyUser({ userToken, userId: "other" }, config)).rejects.toThrow(
      expect.objectContaining({ code: "validation_failed" }),
    );
  });

  test("a bare userId is refused, a guest is welcome", async () => {
    await expect(identifyUser({ userId: "user123" }, config)).rejects.toThrow(unauthorized);
    expect(await identifyUser({}, config)).toEqual({ userId: null, authenticated: false });
  });
});

describe("without one", () => {
  test("a userId is an unproven label and a token proves nothing", async () => {
    expect(await identifyUser({ userId: "user123" }, testConfig())).toEqual({
      userId: "user123",
      authenticated: false,
    });
    const userToken = await sign({ sub: "user123", exp: inAnHour() });
    await expect(identifyUser({ userToken }, testConfig())).rejects.toThrow(unauthorized);
  });
});
