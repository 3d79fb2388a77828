import { waitFor } from "@chat-relay/testkit/wait-for";
import { ADMIN_TOKEN, IDENTITY_SECRET, TEXT_CANARY, WEBHOOK_SECRET } from "./product-env.ts";
import type { Load } from "./load.ts";
import { openFromClients, readResources } from "./process-resources.ts";
import { mustHold, Violation } from "./violation.ts";
import type { World } from "./world.ts";

/** What must hold when all is over, by the names that reports use. */
export const AT_REST = {
  nothingLeft: "at rest nothing is left over: outbox, tokens, leases, transactions",
  bounded: "memory, descriptors and connections to PostgreSQL are within bounds",
  standing: "no service ends by itself, whatever happens to its servers",
  silent: "no secret and no text of a message is in any log",
} as const;

/** Looked at once, when all cases of a world are over. */
const BACK = "memory and descriptors are back near where they began";

const LEFT_OVER = {
  name: "faults-left-over",
  text: `
    SELECT
      (SELECT count(*) FROM chat_webhook_queue WHERE status = 'delivering') AS "deliveries under way",
      (SELECT count(*) FROM chat_webhook_queue WHERE status = 'queued') AS "messages queued",
      (SELECT count(*) FROM chat_reply_outbox) AS "replies in the outbox",
      (SELECT count(*) FROM chat_session WHERE lease_until IS NOT NULL) AS "leases",
      (SELECT count(*) FROM chat_session WHERE head_id IS NOT NULL) AS "heads",
      (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%') AS "open transactions"`,
};

const CONNECTIONS = {
  name: "faults-connections",
  text: `
    SELECT application_name AS name, count(*) AS count FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE 'chat-%' GROUP BY 1`,
};

const MIB = 1_024 * 1_024;
const POOL = 20;
const GARBAGE_EVERY_MS = 2_000;
const COLLECTED_WITHIN_MS = 10_000;

/** What a service may hold beyond what it began with. */
interface Bounds {
  moreBytes: number;
  moreDescriptors: number;
}

const WITHIN: Bounds = { moreBytes: 160 * MIB, moreDescriptors: 200 };
const NEAR: Bounds = { moreBytes: 64 * MIB, moreDescriptors: 24 };

async function leftOver(world: World): Promise<string[]> {
  const [row] = await world.database.query<Record<string, number>>(LEFT_OVER, []);
  const bus = await world.bus();
  const counts = { ...row, "tokens pending": bus?.pending ?? -1, "tokens unacknowledged": bus?.ackPending ?? -1 };
  return Object.entries(counts).flatMap(([name, count]) => (count === 0 ? [] : [`${count} ${name}`]));
}

/** Waits until nothing is left over. */
export async function untilAtRest(world: World, withinMs: number): Promise<void> {
  let left: string[] = [];
  const check = async () => {
    left = await leftOver(world);
    return left.length === 0;
  };
  await waitFor("nothing to be left over", check, withinMs).catch((error: unknown) => {
    throw left.length > 0 ? new Violation(AT_REST.nothingLeft, left) : error;
  });
}

function resourceProblems(world: World, bounds: Bounds): string[] {
  return world.services.flatMap((service) => {
    const now = readResources(service.pid);
    const { baseline } = service;
    if (now === undefined || baseline === undefined) return [];
    const moreBytes = now.residentBytes - baseline.residentBytes;
    const more = now.descriptors - openFromClients(Number(new URL(service.url).port)) - baseline.descriptors;
    return [
      ...(moreBytes > bounds.moreBytes ? [`${service.name} holds ${Math.round(moreBytes / MIB)} MiB more`] : []),
      ...(more > bounds.moreDescriptors ? [`${service.name} holds ${more} more descriptors`] : []),
    ];
  });
}

/** Waits until no service holds more than that beyond what it began with; what is garbage is collected meanwhile. */
async function untilWithin(world: World, invariant: string, bounds: Bounds, withinMs: number): Promise<void> {
  let problems = resourceProblems(world, bounds);
  let askAtMs = 0;
  const check = () => {
    problems = resourceProblems(world, bounds);
    if (problems.length > 0 && performance.now() >= askAtMs) {
      askAtMs = performance.now() + GARBAGE_EVERY_MS;
      for (const service of world.services) service.signal("SIGUSR2"); // see collect-garbage.ts
    }
    return problems.length === 0;
  };
  await waitFor(invariant, check, withinMs).catch((error: unknown) => {
    throw problems.length > 0 ? new Violation(invariant, problems) : error;
  });
}

/** Looks at what the processes hold now. */
export async function checkBounds(world: World): Promise<void> {
  const connections = await world.database.query<{ name: string; count: number }>(CONNECTIONS, []);
  const most = POOL * Math.max(world.gateways.length, world.dispatchers.length, world.receivers.length);
  mustHold(
    AT_REST.bounded,
    connections.filter(({ count }) => count > most).map(({ name, count }) => `${name} has ${count} connections`),
  );
  await untilWithin(world, AT_REST.bounded, WITHIN, COLLECTED_WITHIN_MS);
}

/** Waits until idle connections are given up and what was opened for the work is closed again. */
export async function untilBackNearBaseline(world: World, withinMs = 40_000): Promise<void> {
  for (const service of world.services) service.signal("SIGUSR2");
  await untilWithin(world, BACK, NEAR, withinMs);
}

/** Looks for services that ended without a signal: unlike the killed ones, they should have lived. */
export function checkStanding(world: World): void {
  const ended = world.services.filter(({ ends }) => ends > 0);
  mustHold(
    AT_REST.standing,
    ended.map(({ name, ends }) => `${name} ended ${ends} times`),
  );
}

/** Looks for what must never be logged; the lines that were written since `from` by each process. */
export function checkLogs(world: World, load: Load, from: ReadonlyMap<string, number>): void {
  const planted = new Map([
    ["message text", TEXT_CANARY],
    ["the webhook secret", WEBHOOK_SECRET],
    ["the webhook secret's key", Buffer.from(WEBHOOK_SECRET.slice(6), "base64").toString("utf8")],
    ["the admin token", ADMIN_TOKEN],
    ["the identity secret", IDENTITY_SECRET],
    ["the database password", new URL(world.postgres.url).password],
  ]);
  const problems: string[] = [];
  for (const [name, log] of world.logs()) {
    const fresh = log.slice(from.get(name) ?? 0);
    for (const [what, secret] of planted) if (fresh.includes(secret)) problems.push(`${name} logs ${what}`);
    if (load.visitors.some(({ sessionToken }) => fresh.includes(sessionToken))) problems.push(`${name} logs a token`);
  }
  mustHold(AT_REST.silent, problems);
}
