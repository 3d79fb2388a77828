import { setTimeout as pause } from "node:timers/promises";
import { waitFor } from "@chat-relay/testkit/wait-for";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import { meanwhile } from "../rig/meanwhile.ts";
import { calledProblems, queueLength, spentProblems } from "../rig/queue-figures.ts";
import { readMetric, sumMetric } from "../rig/service-metrics.ts";
import { openSilentPort } from "../rig/silent-port.ts";
import { mustHold } from "../rig/violation.ts";
import { NO_ATTEMPT } from "./n8n-outage.ts";

const OPEN = 2;
const RESUMED_MS = 30_000;

async function untilOpen({ world }: Trial): Promise<void> {
  const states = () => Promise.all(world.dispatchers.map((one) => readMetric(one, "chat_breaker_state")));
  await waitFor("all breakers to open", async () => (await states()).every((state) => state === OPEN), 30_000);
  // Those that found out at the same time still hold their messages for the blink of an eye.
  const inFlight = () => sumMetric(world.dispatchers, "chat_deliveries_in_flight");
  await waitFor("the calls that found n8n away to end", async () => (await inFlight()) === 0);
}

/** Messages of sessions that find n8n away; none of them is touched. */
async function sendWhileAway(trial: Trial): Promise<void> {
  const { load, world } = trial;
  await load.open(30);
  await load.steady(60, 30);
  await untilOpen(trial);
  mustHold(NO_ATTEMPT, await spentProblems(world, load));
}

async function untilDrained({ world, load, measure }: Trial, what: string): Promise<void> {
  const fromMs = performance.now();
  await waitFor("the queue to drain", async () => (await queueLength(world, load)) === 0, RESUMED_MS);
  measure(`${what}: drained after ms`, performance.now() - fromMs);
}

function checkFirstAttempts({ calls }: Trial): void {
  const later = calls.filter(({ headers }) => headers["chat-attempt"] !== "1").length;
  mustHold(NO_ATTEMPT, later === 0 ? [] : [`${later} calls were not first attempts`]);
}

async function restartWith({ world }: Trial, n8nUrl: (proxyUrl: string) => string): Promise<void> {
  for (const dispatcher of world.dispatchers) {
    await dispatcher.stop();
    dispatcher.configure({ CHAT_N8N_WEBHOOK_URL: n8nUrl(dispatcher.n8n.url) });
    await dispatcher.start();
  }
}

/** The proxy's address with the path by which the fake n8n tells the dispatchers apart. */
function ownUrls({ world }: Trial): (proxyUrl: string) => string {
  const paths = new Map(world.dispatchers.map(({ n8n, name }) => [n8n.url, `/webhook/${name}`]));
  return (proxyUrl) => new URL(paths.get(proxyUrl) ?? "", proxyUrl).href;
}

function misconfigured(what: string, n8nUrl: (proxyUrl: string) => string): FaultCase {
  return {
    name: `${what} is an outage: no attempt is spent, and all goes out once the operator has mended it`,
    async run(trial) {
      const right = ownUrls(trial);
      await restartWith(trial, n8nUrl);
      try {
        await sendWhileAway(trial);
      } finally {
        await restartWith(trial, right);
      }
      await untilDrained(trial, what);
      checkFirstAttempts(trial);
    },
  };
}

function overTls(proxyUrl: string): string {
  const url = new URL(proxyUrl);
  return `https://${url.host}/webhook`;
}

const connectTimeout: FaultCase = {
  name: "connections to n8n that nobody answers are an outage: no attempt is spent, and all goes out when it is back",
  async run(trial) {
    const { world } = trial;
    for (const { n8n } of world.dispatchers) await n8n.refuse();
    {
      await using silent = new AsyncDisposableStack();
      for (const { n8n } of world.dispatchers) silent.use(await openSilentPort(Number(new URL(n8n.url).port)));
      await sendWhileAway(trial);
    }
    for (const { n8n } of world.dispatchers) await n8n.pass();
    await untilDrained(trial, "connect time-out");
    checkFirstAttempts(trial);
  },
};

const silentTls: FaultCase = {
  name: "a TLS handshake that never goes on is an outage: no attempt is spent, and all goes out when it is mended",
  async run(trial) {
    const right = ownUrls(trial);
    for (const { n8n } of trial.world.dispatchers) n8n.blackhole();
    await restartWith(trial, overTls);
    try {
      await sendWhileAway(trial);
    } finally {
      for (const { n8n } of trial.world.dispatchers) await n8n.pass();
      await restartWith(trial, right);
    }
    await untilDrained(trial, "silent TLS");
    checkFirstAttempts(trial);
  },
};

const flapping: FaultCase = {
  name: "n8n goes away and comes back five times under load",
  async run(trial) {
    const { world, load, measure } = trial;
    await load.open(30);
    let times = 0;
    await meanwhile(load.steady(450, 30), async () => {
      const away = times < 5;
      if (away) await Promise.all(world.dispatchers.map(({ n8n }) => n8n.refuse()));
      await pause(1_500);
      if (away) await Promise.all(world.dispatchers.map(({ n8n }) => n8n.pass()));
      if (away) times += 1;
      await pause(1_000);
    });
    measure("n8n away several times: how often", times);
    await untilDrained(trial, "n8n away several times");
  },
};

const everythingAtOnce: FaultCase = {
  name: "n8n away, dispatchers killed and NATS restarted meanwhile: the outage spends no attempt, all goes out when it is back",
  async run(trial) {
    const { world, load, random } = trial;
    await load.open(40);
    for (const { n8n } of world.dispatchers) await n8n.refuse();
    await meanwhile(load.steady(150, 30), async () => {
      await random.pick(world.dispatchers).kill();
      const node = world.nats[0];
      await node?.server.kill();
      await pause(500);
      await node?.server.start();
      await pause(2_000);
    });
    await world.ready();
    await untilOpen(trial);
    mustHold(NO_ATTEMPT, await calledProblems(world, load));
    for (const { n8n } of world.dispatchers) await n8n.pass();
    await untilDrained(trial, "n8n away, dispatchers and NATS killed");
  },
};

/** Every way of not reaching n8n, alone and in company. */
export const OUTAGE_KIND_CASES: FaultCase[] = [
  misconfigured("a name that cannot be resolved", () => "http://no-such-host.invalid/webhook"),
  misconfigured("a failed TLS handshake", overTls),
  silentTls,
  connectTimeout,
  flapping,
  everythingAtOnce,
];
