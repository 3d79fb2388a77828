import { CALLBACK_BODY_CASES, CALLBACK_BODY_INVARIANTS } from "./cases/callback-bodies.ts";
import { CALLBACK_END_CASES } from "./cases/callback-ends.ts";
import { FORGERY_CASES, FORGERY_INVARIANTS } from "./cases/callback-forgeries.ts";
import { ROTATION_CASES, ROTATION_INVARIANTS } from "./cases/callback-keys.ts";
import { CALLBACK_LIMIT_CASES, CALLBACK_LIMIT_INVARIANTS } from "./cases/callback-limits.ts";
import { CALLBACK_CASES, CALLBACK_INVARIANTS } from "./cases/callbacks.ts";
import { ACCESS_CASES, ACCESS_INVARIANTS } from "./cases/edge-access.ts";
import { EDGE_BODY_CASES, EDGE_BODY_INVARIANTS } from "./cases/edge-bodies.ts";
import { IDEMPOTENCY_CASES, ONE_MESSAGE } from "./cases/edge-idempotency.ts";
import { EDGE_LIMIT_CASES, EDGE_LIMIT_INVARIANTS } from "./cases/edge-limits.ts";
import { LOG_CASES } from "./cases/edge-logs.ts";
import { ORIGIN_CASES, ORIGIN_INVARIANTS } from "./cases/edge-origins.ts";
import { OUTBOX_CASES, OUTBOX_INVARIANTS } from "./cases/edge-outbox.ts";
import { SLOW_CASES, SLOW_INVARIANTS } from "./cases/edge-slow.ts";
import { INPUT_WORLDS } from "./cases/input-worlds.ts";
import { controlTests, type Control } from "./rig/control-tests.ts";
import type { ControlName } from "./rig/edits.ts";
import type { FaultCase } from "./rig/fault-case.ts";
import { INVARIANTS } from "./rig/ledger.ts";
import { AT_REST } from "./rig/rest.ts";
import type { WorldOptions } from "./rig/world.ts";

/** Of a theme: its world, and for each guard the beginning of the case's name and what the case fails with. */
function controlsOf(
  options: WorldOptions,
  cases: readonly FaultCase[],
  without: readonly (readonly [ControlName, string, string])[],
): Control[] {
  return without.map(([guard, caseName, failsWith]) => {
    return { guard, world: { ...options, without: [guard] }, cases, caseName, failsWith };
  });
}

function withoutUniqueKeys(
  options: WorldOptions,
  cases: readonly FaultCase[],
  caseNames: readonly string[],
  failsWith: readonly string[],
): Control[] {
  return caseNames.map((caseName) => {
    const world = { ...options, withoutUniqueKeys: true, without: ["repeats are not looked for"] as ControlName[] };
    return { guard: `unique keys, and the look for repeats (${caseName})`, world, cases, caseName, failsWith };
  });
}

const { callbacks, callbackLimits, secrets, edge, edgeLimits, outbox } = INPUT_WORLDS;

controlTests([
  ...withoutUniqueKeys(
    callbacks,
    CALLBACK_CASES,
    ["the same callback 3", "the same callback 30"],
    [CALLBACK_INVARIANTS.oneReply],
  ),
  ...controlsOf(callbacks, CALLBACK_CASES, [
    ["a reply leaves its message queued", "a reply between two attempts", CALLBACK_INVARIANTS.settled],
  ]),
  ...controlsOf(callbacks, CALLBACK_END_CASES, [
    ["replies to sessions that are over refused", "ended and expired", "the callback was answered 4"],
  ]),
  ...controlsOf(callbacks, FORGERY_CASES, [
    ["callbacks unverified", "forged callbacks", FORGERY_INVARIANTS.sameRefusal],
    ["callbacks verified as text", "only the exact bytes", FORGERY_INVARIANTS.sameRefusal],
    ["a signature's time ignored", "a valid callback played back", FORGERY_INVARIANTS.repeats],
  ]),
  ...controlsOf(callbacks, CALLBACK_BODY_CASES, [
    ["malformed JSON uncaught", "bodies of every odd kind", CALLBACK_BODY_INVARIANTS.told],
    ["text stored as it comes", "texts of every odd kind", "the callback was answered 5"],
  ]),
  ...controlsOf(callbackLimits, CALLBACK_LIMIT_CASES, [
    ["every proxy trusted", "a flood of forged", CALLBACK_LIMIT_INVARIANTS.forged],
    ["valid callbacks limited by address", "a flood of forged", CALLBACK_LIMIT_INVARIANTS.valid],
    ["limits counted per process", "a workflow that floods", CALLBACK_LIMIT_INVARIANTS.session],
  ]),
  ...controlsOf(secrets, ROTATION_CASES, [
    ["the first secret alone verifies", "a new secret", ROTATION_INVARIANTS.grace],
  ]),
  ...controlsOf(edge, EDGE_BODY_CASES, [
    ["__proto__ let through", "requests of every odd kind", EDGE_BODY_INVARIANTS.plain],
    ["visitors' text stored as it comes", "texts of every odd kind", EDGE_BODY_INVARIANTS.asSent],
  ]),
  ...controlsOf(edge, ACCESS_CASES, [["a token opens every session", "other visitors'", ACCESS_INVARIANTS.refused]]),
  ...controlsOf(edge, ORIGIN_CASES, [["every origin allowed", "pages of other", ORIGIN_INVARIANTS.denied]]),
  ...withoutUniqueKeys(
    edge,
    IDEMPOTENCY_CASES,
    ["the same message 20 times at once", "the same message 20 times while"],
    [ONE_MESSAGE, INVARIANTS.once],
  ),
  ...controlsOf(edge, SLOW_CASES, [["requests without a time limit", "520 connections", SLOW_INVARIANTS.closed]]),
  ...controlsOf(edge, LOG_CASES, [["URLs logged", "secrets and texts", AT_REST.silent]]),
  ...controlsOf(edgeLimits, EDGE_LIMIT_CASES, [
    ["every proxy trusted", "1,000 requests", EDGE_LIMIT_INVARIANTS.address],
    ["each IPv6 address for itself", "requests for sessions through", EDGE_LIMIT_INVARIANTS.address],
    ["limits counted per process", "a flood of messages", EDGE_LIMIT_INVARIANTS.session],
  ]),
  ...controlsOf(outbox, OUTBOX_CASES, [["no outbox cap", "while NATS is away", OUTBOX_INVARIANTS.cap]]),
]);
