import type { Responder } from "@chat-relay/testkit/fake-n8n";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { messageIdOf } from "../rig/bot.ts";
import { mustCutAtCap } from "../rig/cut-at-cap.ts";
import { deliveryOf } from "../rig/deliveries.ts";
import { checkExcerpts } from "../rig/excerpts.ts";
import { failEach } from "../rig/fail-each.ts";
import type { FaultCase } from "../rig/fault-case.ts";
import { MemoryWatch } from "../rig/memory-watch.ts";
import { counted, ENDLESS_BYTES, MOST_POURED_BYTES, pouring } from "../rig/pour.ts";
import { mustHold } from "../rig/violation.ts";

const MIB = 1_024 * 1_024;

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

const JSON_HEAD = { "content-type": "application/json" };
const BOMB = gzipSync(JSON.stringify({ output: "x".repeat(10 * MIB) }));

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

const MOST_MEMORY_BYTES = 20 * MIB;

const tooMuch: FaultCase = {
  name: "answers without end, of 10 MiB, gzip bombs, 1 MiB of headers: cut at the cap, failed at once, memory bounded",
  async run(trial) {
    const { world, load, measure } = trial;
    await load.open(10);
    await load.steady(60, 60); // memory that any work takes
    using memory = new MemoryWatch(world.dispatchers);
    for (const [name, responder] of Object.entries(OVER_LIMITS)) await mustCutAtCap(trial, name, responder);
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
