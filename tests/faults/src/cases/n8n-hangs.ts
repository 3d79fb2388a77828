import type { Responder } from "@chat-relay/testkit/fake-n8n";
import { waitFor } from "@chat-relay/testkit/wait-for";
import type { ServerResponse } from "node:http";
import { messageIdOf } from "../rig/bot.ts";
import { deliveryOf, untilStatus } from "../rig/deliveries.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import { waitsMs } from "../rig/figures.ts";
import type { Accepted } from "../rig/load.ts";
import { n8nLine } from "../rig/n8n-lines.ts";
import { firstAttempts, playing, playScripts } from "../rig/n8n-script.ts";
import { sumMetric } from "../rig/service-metrics.ts";
import { mustHold } from "../rig/violation.ts";

/** What a busy machine may add to a deadline. */
const NOISE_MS = 2_000;
/** A healthy session's message reaches n8n within this, whatever others do. */
const HEALTHY_MS = 2_000;

const JSON_HEAD = { "content-type": "application/json" };

/** Does it again and again until the caller has hung up. */
function every(ms: number, response: ServerResponse, action: () => void): void {
  const timer = setInterval(action, ms);
  response.on("close", () => clearInterval(timer));
}

const HANGS: Record<string, Responder> = {
  "never answers": () => undefined,
  "headers only": (_call, response) => response.writeHead(200, JSON_HEAD).flushHeaders(),
  "a byte every 200 ms": (_call, response) => {
    response.writeHead(200, JSON_HEAD).write('{"output":"');
    every(200, response, () => response.write("x"));
  },
  "an item every 200 ms": (_call, response) => {
    response.writeHead(200, JSON_HEAD).write(n8nLine({ type: "begin" }));
    every(200, response, () => response.write(n8nLine({ type: "item", content: "word " })));
  },
  "interim answers without end": (_call, response) => every(100, response, () => response.writeProcessing()),
};

const HANG_NAMES = Object.keys(HANGS);
const SESSIONS_EACH = 3;

/** The sessions take turns. */
function hangOf(session: number): string {
  return HANG_NAMES[session % HANG_NAMES.length] ?? "";
}

/** A refusal is one, whatever becomes of its body. */
const HANGING_REFUSAL: Responder = (_call, response) => void response.writeHead(500, JSON_HEAD).write('{"message":');

async function attemptProblems({ world }: Trial, sent: readonly Accepted[], limitMs: number): Promise<string[]> {
  const deliveries = await Promise.all(sent.map(({ message }) => deliveryOf(world, message.id)));
  return deliveries.flatMap(({ messageId, attempts: [first, second, ...more] }, index) => {
    const cut = first?.outcome === "retry" && first.durationMs >= limitMs - 50 && first.durationMs < limitMs + NOISE_MS;
    const what = `${hangOf(index)} (${messageId})`;
    return [
      ...(cut
        ? []
        : [`${what}: the first attempt took ${first?.durationMs ?? 0} ms and was ${first?.outcome ?? "none"}`]),
      ...(second?.outcome === "delivered" && more.length === 0 ? [] : [`${what}: has other attempts than two`]),
    ];
  });
}

async function untilCut(trial: Trial, hanging: readonly Accepted[], limitMs: number): Promise<void> {
  const ids = new Set(hanging.map(({ message }) => message.id));
  const first = () => trial.calls.filter((call) => ids.has(messageIdOf(call)) && call.headers["chat-attempt"] === "1");
  const isCut = () => first().length === ids.size && first().every(({ endedAtMs }) => endedAtMs !== undefined);
  await waitFor("all hanging calls to end", isCut, limitMs + 10_000).catch(() => {
    const open = first().filter(({ endedAtMs }) => endedAtMs === undefined);
    mustHold(
      "the total deadline ends a call, however alive n8n seems",
      open.map((call) => `${messageIdOf(call)} is under way after ${Date.now() - call.receivedAtMs} ms`),
    );
  });
}

const hangs: FaultCase = {
  name: "n8n that hangs in every way: the total deadline ends each call, one attempt each, and nobody else waits",
  async run(trial) {
    const { world, load, measure } = trial;
    const limitMs = Number(world.env["CHAT_WEBHOOK_TIMEOUT_MS"]);
    const scripts = Object.entries(HANGS).map(([name, hang]) => [name, firstAttempts(trial, 1, hang)] as const);
    const refusal = firstAttempts(trial, 1, HANGING_REFUSAL);
    playScripts(trial, { ...Object.fromEntries(scripts), "hanging refusal": refusal });
    const visitors = await load.open(SESSIONS_EACH * HANG_NAMES.length);
    const hanging = await Promise.all(visitors.map((visitor, index) => load.send(visitor, playing(hangOf(index)))));
    for (const visitor of await load.open(3)) await load.send(visitor, playing("hanging refusal"));
    const inFlight = () => sumMetric(world.dispatchers, "chat_deliveries_in_flight");
    await waitFor("all hanging calls to be in flight", async () => (await inFlight()) >= hanging.length);
    const before = load.accepted.length;
    const healthy = await load.open(15);
    for (let index = 0; index < 60; index += 1) {
      await load.send(healthy[index % healthy.length] ?? trial.random.pick(healthy));
    }
    await untilCut(trial, hanging, limitMs);
    await waitFor("all lanes to be free", async () => (await inFlight()) === 0);
    await waitFor("all calls at n8n to be over", () => world.n8n.open === 0);
    const others = load.accepted.slice(before);
    await Promise.all(others.map(({ message }) => untilStatus(world, message.id, "answered")));
    const waits = waitsMs(trial.calls, others);
    measure("n8n hangs: longest wait of a healthy session ms", Math.max(...waits));
    const held = waits.filter((ms) => ms > HEALTHY_MS).map((ms) => `a healthy message waited ${ms} ms`);
    mustHold("a session whose call hangs holds up no other", held);
    await Promise.all(hanging.map(({ message }) => untilStatus(world, message.id, "answered")));
    mustHold("a call that hangs is one attempt", await attemptProblems(trial, hanging, limitMs));
  },
};

/** n8n that does not come to an end. */
export const HANG_CASES: FaultCase[] = [hangs];
