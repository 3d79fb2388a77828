import type { FakeCall, Responder } from "@chat-relay/testkit/fake-n8n";
import { messageIdOf } from "../rig/bot.ts";
import { deliveryOf, ledgerDelayMs, untilStatus } from "../rig/deliveries.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import type { Accepted } from "../rig/load.ts";
import { firstAttempts, playing, playScripts } from "../rig/n8n-script.ts";
import { mustHold } from "../rig/violation.ts";

/** A clock tick that two processes may differ by. */
const TICK_MS = 10;
/** What a busy machine may add between the moment that something is due and the moment it happens. */
const NOISE_MS = 700;
const HOUR_MS = 3_600_000;

interface Span {
  fromMs: number;
  toMs: number;
}

function outside(what: string, valueMs: number, { fromMs, toMs }: Span): string[] {
  const within = valueMs >= fromMs - TICK_MS && valueMs <= toMs + NOISE_MS;
  return within ? [] : [`${what} after ${Math.round(valueMs)} ms, not ${fromMs} to ${toMs}`];
}

/** Times between the end of a message's call and the beginning of its next. */
function gapsMs(calls: readonly FakeCall[], messageId: string): number[] {
  const own = calls.filter((call) => messageIdOf(call) === messageId);
  return own.slice(1).map((call, index) => call.receivedAtMs - (own[index]?.endedAtMs ?? Number.NaN));
}

function scheduled(world: Trial["world"], failed: number): Span {
  const delayMs = Number(world.env["CHAT_QUEUE_BACKOFF_MS"]) * 2 ** (failed - 1);
  return { fromMs: delayMs * 0.8, toMs: delayMs * 1.2 };
}

const threeRefusals: FaultCase = {
  name: "500 three times, then 200: the delays follow the schedule, and what is behind waits",
  async run(trial) {
    const { world, load, calls, measure } = trial;
    playScripts(trial, { refused: firstAttempts(trial, 3, () => ({ status: 500, body: "out of order" })) });
    const refused = await Promise.all(
      (await load.open(6)).map(async (visitor) => {
        const accepted = await load.send(visitor, playing("refused"));
        await load.send(visitor);
        return accepted.message.id;
      }),
    );
    await Promise.all(refused.map((id) => untilStatus(world, id, "answered", 30_000)));
    const gaps = refused.map((id) => gapsMs(calls, id));
    mustHold("a refused message is called again by the schedule, and never at once", [
      ...gaps.filter(({ length }) => length !== 3).map(({ length }) => `${length + 1} calls in place of 4`),
      ...gaps.flatMap((own) => own.flatMap((gapMs, index) => outside("called", gapMs, scheduled(world, index + 1)))),
    ]);
    measure("500 three times: shortest first delay ms", Math.min(...gaps.map((own) => own[0] ?? 0)));
    measure("500 three times: longest last delay ms", Math.max(...gaps.map((own) => own[2] ?? 0)));
  },
};

interface Asked {
  status: 429 | 503;
  /** The header, made as the refusal is. */
  retryAfter: () => string;
  /** Undefined: the header is junk, and the usual delay is taken. */
  delay: Span | undefined;
}

const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1_000).toUTCString();
/** A date's fraction of a second is cut off. */
const THREE_SECONDS = { fromMs: 3_000, toMs: 3_600 };
const ONE_SECOND = { fromMs: 1_000, toMs: 1_200 };
const ONE_HOUR = { fromMs: HOUR_MS, toMs: HOUR_MS * 1.2 };

const ASKED: Asked[] = [
  { status: 429, retryAfter: () => "3", delay: THREE_SECONDS },
  { status: 503, retryAfter: () => "3", delay: THREE_SECONDS },
  { status: 429, retryAfter: () => inSeconds(4), delay: { fromMs: 3_000, toMs: 4_800 } },
  { status: 503, retryAfter: () => inSeconds(-3_600), delay: ONE_SECOND },
  { status: 429, retryAfter: () => "0", delay: ONE_SECOND },
  ...["-1", "soon", "3.5", "1e3", "3, 5", "0x10", "99999999999999999999", "2026-01-01"].map((junk): Asked => ({
    status: 429,
    retryAfter: () => junk,
    delay: undefined,
  })),
];

const FAR: Asked[] = [
  { status: 429, retryAfter: () => "999999", delay: ONE_HOUR },
  { status: 503, retryAfter: () => inSeconds(86_400), delay: ONE_HOUR },
];

function refusal({ status, retryAfter }: Asked): Responder {
  return () => ({ status, headers: { "retry-after": retryAfter() }, body: "later" });
}

/** Sends a message for each, in a session of its own; n8n refuses its first call so. */
async function sendEach(trial: Trial, asked: readonly Asked[]): Promise<Accepted[]> {
  const scripts = asked.map((one, index) => [`asked ${index}`, firstAttempts(trial, 1, refusal(one))] as const);
  playScripts(trial, Object.fromEntries(scripts));
  const visitors = await trial.load.open(asked.length);
  return Promise.all(visitors.map((visitor, index) => trial.load.send(visitor, playing(`asked ${index}`))));
}

async function ledgerProblems({ world }: Trial, asked: readonly Asked[], sent: readonly Accepted[]): Promise<string[]> {
  const delays = await Promise.all(sent.map(({ message }) => ledgerDelayMs(world, message.id)));
  return asked.flatMap((one, index) =>
    outside(`${one.status} with "${one.retryAfter()}" is due`, delays[index] ?? 0, one.delay ?? scheduled(world, 1)),
  );
}

const retryAfter: FaultCase = {
  name: "429 and 503 with Retry-After: never earlier, hardly later, and junk is as good as none",
  async run(trial) {
    const { world, calls, measure } = trial;
    const sent = await sendEach(trial, ASKED);
    const problems = await ledgerProblems(trial, ASKED, sent);
    await Promise.all(sent.map(({ message }) => untilStatus(world, message.id, "answered")));
    const gaps = sent.map(({ message }) => gapsMs(calls, message.id)[0] ?? 0);
    const late = ASKED.flatMap(({ delay, status }, index) =>
      outside(`${status} was called again`, gaps[index] ?? 0, delay ?? scheduled(world, 1)),
    );
    mustHold("Retry-After is honoured within its limits", [...problems, ...late]);
    measure("Retry-After 3 s: next call after ms", gaps[0] ?? 0);
  },
};

const farRetryAfter: FaultCase = {
  name: "Retry-After of days is cut to an hour, and a callback meanwhile lets the session go on at once",
  async run(trial) {
    const { world, load, bot, calls, allow } = trial;
    const sent = await sendEach(trial, FAR);
    mustHold("Retry-After is honoured within its limits", await ledgerProblems(trial, FAR, sent));
    allow({ calledBack: new Set(sent.map(({ message }) => message.id)) });
    const behind = await Promise.all(load.visitors.map((visitor) => load.send(visitor)));
    for (const call of calls.filter((one) => sent.some(({ message }) => message.id === messageIdOf(one)))) {
      bot.callBack(call, `late reply to ${messageIdOf(call)}`);
    }
    await Promise.all([...sent, ...behind].map(({ message }) => untilStatus(world, message.id, "answered")));
    const attempts = await Promise.all(sent.map(({ message }) => deliveryOf(world, message.id)));
    const again = attempts.filter((delivery) => delivery.attempts.length !== 1).map(({ messageId }) => messageId);
    mustHold("a message that was answered while it waited is not called again", again);
  },
};

/** n8n that refuses and says when to come again. */
export const RETRY_CASES: FaultCase[] = [threeRefusals, retryAfter, farRetryAfter];
