import { untilStatus } from "../rig/deliveries.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import { waitsMs } from "../rig/figures.ts";
import type { Accepted } from "../rig/load.ts";
import { playing, playScripts } from "../rig/n8n-script.ts";
import { mustHold } from "../rig/violation.ts";
import { waitFor } from "@chat-relay/testkit/wait-for";

const DEAD_SESSIONS = 150;
const AT_ONCE = 15;
const HEALTHY_SESSIONS = 20;
const HEALTHY_MESSAGES = 120;
const PER_SECOND = 20;
const HEALTHY_P95_MS = 1_000;

const INVARIANT = "a dead workflow holds up no other session";

/** Sessions whose every call is refused; returns when each has a retry that waits for its time. */
async function parkRetries(trial: Trial): Promise<Accepted[]> {
  const { load, calls } = trial;
  playScripts(trial, { dead: () => ({ status: 500, body: "this workflow is dead" }) });
  const visitors = [...(await load.open(DEAD_SESSIONS))];
  const sent: Accepted[] = [];
  while (visitors.length > 0) {
    const some = visitors.splice(0, AT_ONCE); // more at once would leave their connections open for long
    const sends = some.map((one) => load.send(one, { ...playing("dead"), expected: { status: "failed", replies: 0 } }));
    sent.push(...(await Promise.all(sends)));
  }
  const places = Math.min(DEAD_SESSIONS, Number(trial.world.env["CHAT_MAX_ACK_PENDING"] ?? Infinity));
  await waitFor("the first attempts to be refused", () => calls.length >= places);
  return sent;
}

/** Messages of healthy sessions; returns how long they waited for their call, shortest first. */
async function healthyWaitsMs(trial: Trial): Promise<number[]> {
  const { load, calls, world } = trial;
  const healthy = await load.open(HEALTHY_SESSIONS);
  const sends: Promise<Accepted>[] = [];
  for (let index = 0; index < HEALTHY_MESSAGES; index += 1) {
    sends.push(load.send(healthy[index % HEALTHY_SESSIONS] ?? trial.random.pick(healthy)));
    await new Promise((resolve) => setTimeout(resolve, 1_000 / PER_SECOND));
  }
  const sent = await Promise.all(sends);
  await Promise.all(sent.map(({ message }) => untilStatus(world, message.id, "answered", 60_000)));
  return waitsMs(calls, sent).toSorted((a, b) => a - b);
}

const deadWorkflows: FaultCase = {
  name: "150 sessions with a dead workflow wait for their retries: healthy sessions notice nothing",
  async run(trial) {
    await parkRetries(trial);
    const waits = await healthyWaitsMs(trial);
    const p95 = waits[Math.floor(waits.length * 0.95)] ?? 0;
    trial.measure("dead workflows: wait of healthy sessions p95 ms", p95);
    trial.measure("dead workflows: longest wait of a healthy session ms", waits.at(-1) ?? 0);
    mustHold(INVARIANT, p95 > HEALTHY_P95_MS ? [`one healthy message in twenty waited ${p95} ms`] : []);
  },
};

/** Retries that wait take places of `CHAT_MAX_ACK_PENDING`: all of a dead message's delays, until it has failed. */
function longestParkedMs({ env }: Trial["world"]): number {
  const attempts = Number(env["CHAT_QUEUE_MAX_ATTEMPTS"]);
  const delays = Array.from({ length: attempts - 1 }, (_, index) => Number(env["CHAT_QUEUE_BACKOFF_MS"]) * 2 ** index);
  return delays.reduce((sum, delayMs) => sum + delayMs * 1.2, 0);
}

const NOISE_MS = 4_000;

const fewPlaces: FaultCase = {
  name: "more parked retries than places on the bus: healthy sessions wait for the dead to fail, and no longer",
  async run(trial) {
    await parkRetries(trial);
    const waits = await healthyWaitsMs(trial);
    const longestMs = waits.at(-1) ?? 0;
    trial.measure("places on the bus all taken: longest wait of a healthy session ms", longestMs);
    const mostMs = longestParkedMs(trial.world) + NOISE_MS;
    mustHold("parked retries give their places back", longestMs > mostMs ? [`a message waited ${longestMs} ms`] : []);
  },
};

/** Workflows that are dead for some sessions. */
export const DEAD_WORKFLOW_CASES: FaultCase[] = [deadWorkflows];
/** For a world with fewer places on the bus than there are dead sessions. */
export const FEW_PLACES_CASES: FaultCase[] = [fewPlaces];
