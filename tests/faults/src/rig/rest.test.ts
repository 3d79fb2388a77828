import type { FakeCall } from "@chat-relay/testkit/fake-n8n";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import type { Holdings } from "./holdings.ts";
import type { LeftOver, Stores } from "./left-over.ts";
import { checkNothingLate, NOTHING_LATE } from "./nothing-late.ts";
import { readResources } from "./process-resources.ts";
import { ADMIN_TOKEN, IDENTITY_SECRET, TEXT_CANARY, WEBHOOK_SECRET } from "./product-env.ts";
import { NEAR, resourceProblems, WITHIN, type Bounds } from "./resource-problems.ts";
import {
  AT_REST,
  BACK,
  checkBounds,
  checkLogs,
  checkStanding,
  untilAtRest,
  untilBackNearBaseline,
  type Watched,
} from "./rest.ts";

const SOON_MS = 50;

const ROWS = [
  "deliveries under way",
  "messages queued",
  "replies in the outbox",
  "leases",
  "heads",
  "open transactions",
];

/** Stores in which so much is left over; of the rest nothing is. */
function storesWith(found: LeftOver): Stores {
  const { "tokens pending": pending = 0, "tokens unacknowledged": ackPending = 0, ...rows } = found;
  const none = Object.fromEntries(ROWS.map((name) => [name, 0]));
  return {
    database: { query: async <Row>() => [{ ...none, ...rows }] as Row[] },
    bus: async () => ({ pending, ackPending }),
  };
}

test("stores in which nothing is left over are at rest", async () => {
  await expect(untilAtRest(storesWith({}), SOON_MS)).resolves.toBeUndefined();
});

test.each([...ROWS, "tokens pending", "tokens unacknowledged"])("%s that are left over are found", async (name) => {
  const found = untilAtRest(storesWith({ [name]: 2 }), SOON_MS);
  await expect(found).rejects.toThrow(`${AT_REST.nothingLeft}: 1 times, such as 2 ${name}`);
});

test("what nothing tells of is not taken for gone", async () => {
  const silent = { ...storesWith({ heads: undefined }), bus: async () => undefined };
  await expect(untilAtRest(silent, SOON_MS)).rejects.toThrow(
    "nothing tells of heads; nothing tells of tokens pending; nothing tells of tokens unacknowledged",
  );
  const empty = { ...storesWith({}), database: { query: async () => [] } };
  await expect(untilAtRest(empty, SOON_MS)).rejects.toThrow("nothing tells of replies in the outbox");
});

test("stores that cannot be asked are no rest either", async () => {
  const away = { ...storesWith({}), bus: () => Promise.reject(new Error("away")) };
  await expect(untilAtRest(away, SOON_MS)).rejects.toThrow("nothing to be left over");
});

const MIB = 1_024 * 1_024;
const began: Holdings = { machine: { residentBytes: 100 * MIB, descriptors: 30 }, postgres: 1, nats: 1 };
const used: Holdings = { machine: { residentBytes: 150 * MIB, descriptors: 50 }, postgres: 4, nats: 1 };
const machine = (residentBytes: number, descriptors: number) => ({ ...used, machine: { residentBytes, descriptors } });

test("a service that holds little more than it began with is within bounds", () => {
  for (const bounds of [NEAR, WITHIN]) {
    expect(resourceProblems([{ name: "one", began, now: used }], bounds, true)).toEqual([]);
  }
  const unconnected = { ...began, nats: 0 }; // it may become ready before it reaches NATS
  expect(resourceProblems([{ name: "one", began: unconnected, now: used }], NEAR, true)).toEqual([]);
});

test.each<[string, Bounds, Holdings, string]>([
  ["memory that is not given back", NEAR, machine(170 * MIB, 30), "two holds 70 MiB more"],
  ["memory without bounds", WITHIN, machine(270 * MIB, 30), "two holds 170 MiB more"],
  ["descriptors that are not given back", NEAR, machine(100 * MIB, 55), "two holds 25 more descriptors"],
  ["descriptors without bounds", WITHIN, machine(100 * MIB, 231), "two holds 201 more descriptors"],
  [
    "connections that are not given back",
    NEAR,
    { ...used, postgres: 5 },
    "two holds 5 connections to PostgreSQL, and began with 1",
  ],
  [
    "connections beside the pool",
    WITHIN,
    { ...used, postgres: 21 },
    "two holds 21 connections to PostgreSQL, and began with 1",
  ],
  ["a connection to NATS that was left behind", NEAR, { ...used, nats: 2 }, "two holds 2 connections to NATS"],
  ["the same under way", WITHIN, { ...used, nats: 2 }, "two holds 2 connections to NATS"],
])("%s are found", (_, bounds, now, problem) => {
  const services = [
    { name: "one", began, now: used },
    { name: "two", began, now },
  ];
  expect(resourceProblems(services, bounds, true)).toEqual([problem]);
});

test("what cannot be read is told, where the machine tells what processes hold", () => {
  const blind = { ...used, machine: undefined };
  const services = [
    { name: "down", began, now: undefined },
    { name: "starting", began: undefined, now: used },
    { name: "unread", began, now: blind },
    { name: "never read", began: { ...began, machine: undefined }, now: used },
  ];
  const always = ["down is down: nothing tells", "starting has not become ready: nothing tells"];
  const linux = ["unread tells nothing of its memory", "never read tells nothing of its memory"];
  const told = (tells: boolean) => resourceProblems(services, NEAR, tells);
  expect(told(true)).toEqual([...always, ...linux].map((text) => expect.stringContaining(text)));
  expect(told(false)).toEqual(always.map((text) => expect.stringContaining(text)));
  const connected = [{ name: "unread", began, now: { ...blind, postgres: 5 } }];
  expect(resourceProblems(connected, NEAR, false)).toEqual([expect.stringContaining("5 connections to PostgreSQL")]);
});

/** A service that is this process, with so many connections to PostgreSQL; writes down its signals. */
function watched(open: number, baseline: Watched["baseline"] = { ...began, machine: readResources(process.pid) }) {
  const signals: string[] = [];
  const signal = (name: string) => void signals.push(name);
  const service = { name: "one", pid: process.pid, url: "http://127.0.0.1:1", postgres: { open }, nats: [{ open: 1 }] };
  const world = { services: [{ ...service, ends: 0, baseline, signal } satisfies Watched] };
  return { world, signals };
}

test("bounds are waited for, and garbage is collected meanwhile", async () => {
  await expect(checkBounds(watched(20).world, SOON_MS)).resolves.toBeUndefined();
  await expect(untilBackNearBaseline(watched(4).world, SOON_MS)).resolves.toBeUndefined();
  const { world, signals } = watched(21);
  await expect(checkBounds(world, SOON_MS)).rejects.toThrow(`${AT_REST.bounded}: 1 times, such as one holds 21`);
  await expect(untilBackNearBaseline(world, SOON_MS)).rejects.toThrow(`${BACK}: 1 times, such as one holds 21`);
  expect(new Set(signals)).toEqual(new Set(["SIGUSR2"]));
});

test("a service that only just starts is not signalled, which would end it, and not taken for one that holds nothing", async () => {
  const { world, signals } = watched(1);
  const starting = { services: world.services.map((service) => ({ ...service, baseline: undefined })) };
  await expect(untilBackNearBaseline(starting, SOON_MS)).rejects.toThrow("one has not become ready");
  expect(signals).toEqual([]);
});

test("a process tells what it holds where the machine does, and nothing once it has ended, reaped or not", async () => {
  expect(readResources(process.pid) !== undefined).toBe(process.platform === "linux");
  const parent = spawn("sh", ["-c", "true & echo $!; exec sleep 60"], { stdio: ["ignore", "pipe", "ignore"] });
  const [ended] = (await once(parent.stdout, "data")) as [Buffer];
  await waitFor("the end of the child", () => readResources(Number(ended)) === undefined, 4_000);
  parent.kill("SIGKILL");
  await once(parent, "exit");
  expect(readResources(parent.pid)).toBeUndefined();
});

test("a service that ended by itself is found", () => {
  const service = (name: string, ends: number) => ({ name, ends });
  expect(() => checkStanding({ services: [service("one", 0), service("two", 0)] })).not.toThrow();
  expect(() => checkStanding({ services: [service("one", 0), service("two", 3)] })).toThrow(
    `${AT_REST.standing}: 1 times, such as two ended 3 times`,
  );
});

/** A call for a message of the session, named after it. */
function call(sessionId: string): FakeCall {
  const fixed = { path: "/", rawBody: Buffer.alloc(0), receivedAtMs: 0, endedAtMs: 5, ended: Promise.resolve() };
  return { ...fixed, headers: { "webhook-id": `of ${sessionId}` }, body: { sessionId } };
}

test("a call for a message of a case that is over is found, in its own world", () => {
  const [world, other] = [{}, {}];
  const play = (where: object, own: string, calls: string[]) => {
    const load = { visitors: [{ sessionId: own, sessionToken: "token" }] };
    return () => checkNothingLate({ world: where, load, calls: calls.map(call) });
  };
  expect(play(world, "a", ["a"])).not.toThrow();
  expect(play(world, "b", ["b", "b"])).not.toThrow();
  expect(play(other, "c", ["a"])).not.toThrow();
  expect(play(world, "d", ["d", "a", "b"])).toThrow(`${NOTHING_LATE}: 2 times, such as of a; of b`);
});

const SECRETS: Record<string, string> = {
  "message text": TEXT_CANARY,
  "the webhook secret": WEBHOOK_SECRET,
  "the webhook secret's key": Buffer.from(WEBHOOK_SECRET.slice(6), "base64").toString("utf8"),
  "the admin token": ADMIN_TOKEN,
  "the identity secret": IDENTITY_SECRET,
  "the database password": "database-canary",
  "a token": "token-canary",
};

function logged(log: string, from: number) {
  const world = {
    logs: () => new Map([["gateway-1", log]]),
    postgres: { url: "postgres://user:database-canary@host" },
  };
  const load = { visitors: [{ sessionId: "a", sessionToken: "token-canary" }] };
  return () => checkLogs({ world, load }, new Map([["gateway-1", from]]));
}

test.each(Object.entries(SECRETS))("%s in a log is found, and only where it is new", (name, secret) => {
  const log = `"event":"started" ${secret}`;
  expect(logged(log, 0)).toThrow(`${AT_REST.silent}: 1 times, such as gateway-1 logs ${name}`);
  expect(logged(log, log.length)).not.toThrow();
});
