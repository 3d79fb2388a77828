import { describe } from "vitest";
import { CALLBACK_BODY_CASES } from "./cases/callback-bodies.ts";
import { CALLBACK_END_CASES } from "./cases/callback-ends.ts";
import { FORGERY_CASES } from "./cases/callback-forgeries.ts";
import { ROTATION_CASES } from "./cases/callback-keys.ts";
import { CALLBACK_LIMIT_CASES } from "./cases/callback-limits.ts";
import { CALLBACK_CASES } from "./cases/callbacks.ts";
import { INPUT_WORLDS } from "./cases/input-worlds.ts";
import { faultTests } from "./rig/fault-tests.ts";

describe("callbacks", () => {
  const cases = [...CALLBACK_CASES, ...CALLBACK_END_CASES, ...FORGERY_CASES, ...CALLBACK_BODY_CASES];
  faultTests(INPUT_WORLDS.callbacks, cases);
});

// Each of the two guards is enough.
describe("callbacks without the look for repeats", () => {
  const repeats = CALLBACK_CASES.filter(({ name }) => name.startsWith("the same callback"));
  faultTests({ ...INPUT_WORLDS.callbacks, without: ["repeats are not looked for"] }, repeats);
});

describe("callbacks with limits", () => {
  faultTests(INPUT_WORLDS.callbackLimits, CALLBACK_LIMIT_CASES);
});

describe("the secret of callbacks", () => {
  faultTests(INPUT_WORLDS.secrets, ROTATION_CASES);
});
