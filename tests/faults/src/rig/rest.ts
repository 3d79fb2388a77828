import { waitFor } from "@chat-relay/testkit/wait-for";
import { readHoldings, type Holder, type Holdings } from "./holdings.ts";
import { leftOverProblems, readLeftOver, type Stores } from "./left-over.ts";
import type { Load } from "./load.ts";
import { ADMIN_TOKEN, IDENTITY_SECRET, TEXT_CANARY, WEBHOOK_SECRET } from "./product-env.ts";
import { NEAR, resourceProblems, WITHIN, type Bounds } from "./resource-problems.ts";
import { mustHold, Violation } from "./violation.ts";
import type { World } from "./world.ts";

/** What must hold when all is over, by the names that reports use. */
export const AT_REST = {
  nothingLeft: "at rest nothing is left over: outbox, tokens, leases, transactions",
  bounded: "memory, descriptors and connections are within bounds",
  standing: "no service ends by itself, whatever happens to its servers",
  silent: "no secret and no text of a message is in any log",
} as const;

/** Looked at once, when all cases of a world are over. */
export const BACK = "memory, descriptors and connections are back near where they began";

const GARBAGE_EVERY_MS = 2_000;
const COLLECTED_WITHIN_MS = 10_000;

/** A service as the checks here see it. */
export interface Watched extends Holder {
  readonly name: string;
  readonly baseline: Holdings | undefined;
  /** How often it ended and nobody had killed it. */
  readonly ends: number;
  signal(signal: NodeJS.Signals): void;
}

interface Services {
  readonly services: readonly Watched[];
}

/** Waits until nothing is left over. */
export async function untilAtRest(stores: Stores, withinMs: number): Promise<void> {
  let left: string[] = [];
  const check = async () => {
    left = leftOverProblems(await readLeftOver(stores));
    return left.length === 0;
  };
  await waitFor("nothing to be left over", check, withinMs).catch((error: unknown) => {
    throw left.length > 0 ? new Violation(AT_REST.nothingLeft, left) : error;
  });
}

function collectGarbage({ services }: Services): void {
  for (const service of services) {
    // See collect-garbage.ts: one that only just starts does not listen for the signal yet, and would end by it.
    if (service.baseline !== undefined) service.signal("SIGUSR2");
  }
}

/** Waits until no service holds more than that beyond what it began with; what is garbage is collected meanwhile. */
async function untilWithin(world: Services, invariant: string, bounds: Bounds, withinMs: number): Promise<void> {
  let problems: string[] = [];
  let askAtMs = 0;
  const check = () => {
    const held = world.services.map((one) => ({ name: one.name, began: one.baseline, now: readHoldings(one) }));
    problems = resourceProblems(held, bounds);
    if (problems.length > 0 && performance.now() >= askAtMs) {
      askAtMs = performance.now() + GARBAGE_EVERY_MS;
      collectGarbage(world);
    }
    return problems.length === 0;
  };
  await waitFor(invariant, check, withinMs).catch((error: unknown) => {
    throw problems.length > 0 ? new Violation(invariant, problems) : error;
  });
}

/** Looks at what the processes hold now. */
export async function checkBounds(world: Services, withinMs = COLLECTED_WITHIN_MS): Promise<void> {
  await untilWithin(world, AT_REST.bounded, WITHIN, withinMs);
}

/** Waits until idle connections are given up and what was opened for the work is closed again. */
export async function untilBackNearBaseline(world: Services, withinMs = 40_000): Promise<void> {
  collectGarbage(world);
  await untilWithin(world, BACK, NEAR, withinMs);
}

/** Looks for services that ended though nobody had killed them: they should have lived. */
export function checkStanding({ services }: { services: readonly Pick<Watched, "name" | "ends">[] }): void {
  const ended = services.filter(({ ends }) => ends > 0);
  mustHold(
    AT_REST.standing,
    ended.map(({ name, ends }) => `${name} ended ${ends} times`),
  );
}

/** What is searched for texts that must never be logged. */
export interface Logged {
  world: Pick<World, "logs"> & { postgres: { url: string } };
  load: Pick<Load, "visitors">;
}

/** Which processes have logged what; `logs` by name of the process, secrets under the names that reports call them. */
function loggedSecrets(
  logs: ReadonlyMap<string, string>,
  secrets: readonly (readonly [what: string, text: string])[],
): string[] {
  return [...logs].flatMap(([name, log]) => {
    const found = secrets.filter(([, text]) => log.includes(text)).map(([what]) => what);
    return [...new Set(found)].map((what) => `${name} logs ${what}`);
  });
}

/** Looks for what must never be logged; the lines that were written since `from` by each process. */
export function checkLogs({ world, load }: Logged, from: ReadonlyMap<string, number>): void {
  const fresh = new Map([...world.logs()].map(([name, log]) => [name, log.slice(from.get(name) ?? 0)]));
  const secrets = [
    ["message text", TEXT_CANARY],
    ["the webhook secret", WEBHOOK_SECRET],
    ["the webhook secret's key", Buffer.from(WEBHOOK_SECRET.slice(6), "base64").toString("utf8")],
    ["the admin token", ADMIN_TOKEN],
    ["the identity secret", IDENTITY_SECRET],
    ["the database password", new URL(world.postgres.url).password],
    ...load.visitors.map(({ sessionToken }) => ["a token", sessionToken] as const),
  ] as const;
  mustHold(AT_REST.silent, loggedSecrets(fresh, secrets));
}
