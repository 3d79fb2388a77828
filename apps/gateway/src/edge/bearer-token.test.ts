import { expect, test } from "vitest";
import { bearerToken, sameSecret } from "./bearer-token.ts";

test.each([
  ["Bearer abc-_.~+/9=", "abc-_.~+/9="],
  ["bearer abc", "abc"],
  ["Bearer  abc", "abc"],
  ["Bearer", undefined],
  ["Bearer ", undefined],
  ["Basic abc", undefined],
  ["abc", undefined],
  ["Bearer a b", undefined],
  ["XBearer abc", undefined],
  [undefined, undefined],
])("%j carries %j", (header, token) => {
  expect(bearerToken(header)).toBe(token);
});

test("secrets are the same or not, whatever their lengths", () => {
  expect(sameSecret("secret", "secret")).toBe(true);
  expect(sameSecret("secreT", "secret")).toBe(false);
  expect(sameSecret("secret", "secret2")).toBe(false);
  expect(sameSecret("", "secret")).toBe(false);
});
