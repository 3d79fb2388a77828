import type { Responder } from "@chat-relay/testkit/fake-n8n";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { messageIdOf } from "../rig/bot.ts";
import { deliveryOf, untilStatus } from "../rig/deliveries.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import type { Expected } from "../rig/load.ts";
import { MemoryWatch } from "../rig/memory-watch.ts";
import { playing, playScripts } from "../rig/n8n-script.ts";
import { mustHold } from "../rig/violation.ts";

const MIB = 1_024 * 1_024;
const FAILED: Expected = { status: "failed", replies: 0 };

const REDIRECTS = [301, 302, 303, 307, 308] as const;

/** A server that nobody has any business with; counts who comes. */
async function startCanary() {
  let hits = 0;
  const server = createServer((_request, response) => {
    hits += 1;
    response.end();
  });
  server.on("connection", () => (hits += 1));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    hits: () => hits,
    [Symbol.asyncDispose]: async () => {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function redirect(status: number, to: (path: string) => string): Responder {
  return (call) => ({ status, headers: { location: to(call.path) }, body: "elsewhere" });
}

/** Plays each script to a message of a session of its own, with another message behind it, until all have failed. */
async function failEach(trial: Trial, scripts: Readonly<Record<string, Responder>>): Promise<Map<string, string>> {
  const { world, load } = trial;
  playScripts(trial, scripts);
  const names = Object.keys(scripts);
  const visitors = await load.open(names.length);
  const ids = await Promise.all(
    visitors.map(async (visitor, index) => {
      const { message } = await load.send(visitor, { ...playing(names[index] ?? ""), expected: FAILED });
      await load.send(visitor);
      return message.id;
    }),
  );
  await Promise.all(ids.map((id) => untilStatus(world, id, "failed", 40_000)));
  return new Map(ids.map((id, index) => [id, names[index] ?? ""]));
}

const redirects: FaultCase = {
  name: "redirects to this machine, to the cloud's metadata and to itself: never followed, each a failed attempt",
  async run(trial) {
    const { world, calls } = trial;
    await using canary = await startCanary();
    const targets = {
      canary: () => canary.url,
      metadata: () => "http://169.254.169.254/latest/meta-data/",
      itself: (path: string) => path,
    };
    const scripts = REDIRECTS.flatMap((status) =>
      Object.entries(targets).map(([name, to]) => [`${status} to ${name}`, redirect(status, to)] as const),
    );
    const failed = await failEach(trial, Object.fromEntries(scripts));
    const most = Number(world.env["CHAT_QUEUE_MAX_ATTEMPTS"]);
    const problems = [...failed].map(async ([id, name]) => {
      const { attempts } = await deliveryOf(world, id);
      const statuses = attempts.map(({ httpStatus }) => httpStatus).join(", ");
      const wanted = Array.from({ length: most }, () => name.slice(0, 3)).join(", ");
      const called = calls.filter((call) => messageIdOf(call) === id).length;
      return [
        ...(statuses === wanted ? [] : [`${name}: the attempts came to ${statuses}`]),
        ...(called === most ? [] : [`${name}: ${called} calls`]),
      ];
    });
    mustHold("a redirect is a failed attempt", (await Promise.all(problems)).flat());
    mustHold("a redirect is never followed", canary.hits() === 0 ? [] : [`the canary was hit ${canary.hits()} times`]);
    const foreign = calls.filter((call) => call.rawBody.length === 0).map(({ path }) => `${path} without a body`);
    mustHold("a redirect is never followed", foreign);
  },
};

/** What left the fake n8n on an answer's connection. */
interface Poured {
  bytes: number;
}

const CHUNK = Buffer.alloc(64 * 1_024, "x");

/** A body of so many bytes, as fast as the caller reads it. */
async function pour(response: ServerResponse, bytes: number, chunk: Buffer = CHUNK): Promise<void> {
  const closed = new Promise((resolve) => response.once("close", resolve));
  for (let sent = 0; sent < bytes && !response.destroyed; sent += chunk.length) {
    const room = new Promise((resolve) =>
      response.write(chunk) ? setImmediate(resolve) : response.once("drain", resolve),
    );
    await Promise.race([closed, room]);
  }
}

/** Counts what leaves for the caller until it has hung up. */
function counted(poured: Poured, responder: Responder): Responder {
  return (call, response) => {
    const { socket } = response;
    const before = socket?.bytesWritten ?? 0;
    response.on("close", () => (poured.bytes = Math.max(poured.bytes, (socket?.bytesWritten ?? 0) - before)));
    return responder(call, response);
  };
}

const JSON_HEAD = { "content-type": "application/json" };
/** Endless, but for a limit that nobody should come to. */
const ENDLESS_BYTES = 64 * MIB;
const BOMB = gzipSync(JSON.stringify({ output: "x".repeat(10 * MIB) }));

/** Answers with so much and never ends. */
function pouring(status: number, contentType: string, bytes: number, chunk?: Buffer): Responder {
  return (_call, response) => {
    response.writeHead(status, { "content-type": contentType });
    return pour(response, bytes, chunk);
  };
}

const OVER_LIMITS: Record<string, Responder> = {
  "an endless body": pouring(200, "application/json", ENDLESS_BYTES),
  "an endless body of small chunks": pouring(200, "text/plain", 4 * MIB, Buffer.alloc(256, "x")),
  "10 MiB of JSON": pouring(200, "application/json", 10 * MIB),
  "a gzip bomb of 10 MiB": () => ({ headers: { ...JSON_HEAD, "content-encoding": "gzip" }, body: BOMB }),
  "1 MiB of headers": () => ({
    headers: Object.fromEntries(Array.from({ length: 256 }, (_, index) => [`x-filler-${index}`, "y".repeat(4_096)])),
    body: "ok",
  }),
  "a header of 1 MiB": () => ({ headers: { "x-filler": "y".repeat(MIB) }, body: "ok" }),
};

/** The kernel's and the proxy's buffers on the way, beyond the 1 MiB that is read. */
const MOST_POURED_BYTES = 20 * MIB;
const MOST_MEMORY_BYTES = 20 * MIB;
const EXCERPT_BYTES = 4_096;

const ERROR_BYTES = {
  name: "faults-error-bytes",
  text: "SELECT max(octet_length(error))::int AS bytes FROM chat_delivery_attempt WHERE message_id = ANY($1::uuid[])",
};

async function checkExcerpts({ world }: Trial, ids: readonly string[]): Promise<void> {
  const [row] = await world.database.query<{ bytes: number | null }>(ERROR_BYTES, [ids]);
  const bytes = row?.bytes ?? 0;
  mustHold("of what n8n said a short excerpt is kept", bytes > 0 && bytes <= EXCERPT_BYTES ? [] : [`${bytes} bytes`]);
}

async function onceProblems({ world }: Trial, failed: ReadonlyMap<string, string>): Promise<string[]> {
  const found = [...failed].map(async ([id, name]) => {
    const { attempts } = await deliveryOf(world, id);
    return attempts.length === 1 && attempts[0]?.outcome === "failed"
      ? []
      : [`${name} took ${attempts.length} attempts`];
  });
  return (await Promise.all(found)).flat();
}

const tooMuch: FaultCase = {
  name: "answers without end, of 10 MiB, gzip bombs, 1 MiB of headers: cut at the cap, failed at once, memory bounded",
  async run(trial) {
    const { world, load, measure } = trial;
    await load.open(10);
    await load.steady(60, 60); // memory that any work takes
    using memory = new MemoryWatch(world.dispatchers);
    for (const [name, responder] of Object.entries(OVER_LIMITS)) {
      const poured = { bytes: 0 };
      const failed = await failEach(trial, { [name]: counted(poured, responder) });
      measure(`${name}: KiB that left n8n`, poured.bytes / 1_024);
      const over = poured.bytes > MOST_POURED_BYTES ? [`${name}: ${poured.bytes} bytes left n8n`] : [];
      mustHold("an answer is cut at its limits", over);
      mustHold("an answer over its limits fails at once", await onceProblems(trial, failed));
      await checkExcerpts(trial, [...failed.keys()]);
    }
    const most = memory.mostBytes;
    measure("answers over their limits: MiB more in a dispatcher", most / MIB);
    mustHold("answers over their limits take little memory", most > MOST_MEMORY_BYTES ? [`${most} bytes more`] : []);
  },
};

const longRefusals: FaultCase = {
  name: "refusals with endless bodies: only a short excerpt is read and kept",
  async run(trial) {
    const { measure } = trial;
    const poured = { bytes: 0 };
    const scripts = {
      "an endless refusal": counted(poured, pouring(500, "application/json", ENDLESS_BYTES)),
      "a refusal of 10 MiB": counted(poured, pouring(503, "text/html", 10 * MIB)),
    };
    const failed = await failEach(trial, scripts);
    measure("long refusals: KiB that left n8n", poured.bytes / 1_024);
    mustHold("a refusal is cut", poured.bytes > MOST_POURED_BYTES ? [`${poured.bytes} bytes left n8n`] : []);
    await checkExcerpts(trial, [...failed.keys()]);
  },
};

/** n8n that sends the dispatcher elsewhere, or more than it can bear. */
export const HOSTILE_CASES: FaultCase[] = [redirects, tooMuch, longRefusals];
