import type { Responder } from "@chat-relay/testkit/fake-n8n";
import { waitFor } from "@chat-relay/testkit/wait-for";
import type { ServerResponse } from "node:http";
import { messageIdOf } from "../rig/bot.ts";
import { deliveryOf } from "../rig/deliveries.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import type { Accepted, Visitor } from "../rig/load.ts";
import { firstAttempts, playing, playScripts } from "../rig/n8n-script.ts";
import { readResources } from "../rig/process-resources.ts";
import { TEXT_CANARY } from "../rig/product-env.ts";
import { mustHold } from "../rig/violation.ts";

const MANY = 30;
/** One for a connection that is just being opened or closed. */
const MORE_DESCRIPTORS = 3;

/** Writes to the connection itself, past all that HTTP asks for. */
function raw(response: ServerResponse, text: string, then: "end" | "reset" | "stay" = "end"): void {
  const { socket } = response;
  socket?.write(text, () => {
    if (then === "end") socket.end();
    if (then === "reset") socket.resetAndDestroy();
  });
}

const HEAD = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

/** Every way in which an answer may break off or be none. */
const BREAKS: Record<string, Responder> = {
  "reset before any byte": (_call, response) => void response.socket?.resetAndDestroy(),
  "closed before any byte": (_call, response) => void response.socket?.end(),
  "closed within the status line": (_call, response) => raw(response, "HTTP/1.1 20"),
  "closed within the headers": (_call, response) => raw(response, `${HEAD}content-len`),
  "closed within the body": (_call, response) => raw(response, `${HEAD}content-length: 99\r\n\r\n{"output":"half`),
  "reset within the body": (_call, response) => raw(response, `${HEAD}content-length: 99\r\n\r\n{"output":`, "reset"),
  "closed within a chunk": (_call, response) => raw(response, `${HEAD}transfer-encoding: chunked\r\n\r\n40\r\n{"out`),
  "closed before the last chunk": (_call, response) =>
    raw(response, `${HEAD}transfer-encoding: chunked\r\n\r\n10\r\n{"output":"half"}\r\n`),
  "a chunk of no size": (_call, response) => raw(response, `${HEAD}transfer-encoding: chunked\r\n\r\nzz\r\n{}`),
  "two lengths": (_call, response) => raw(response, `${HEAD}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`),
  "not HTTP": (_call, response) => raw(response, `220 mail.example ESMTP ${TEXT_CANARY}\r\n`),
  "a NUL in a header": (_call, response) => raw(response, `${HEAD}x-nul: a\0b\r\ncontent-length: 2\r\n\r\n{}`),
};

/** What the dispatchers hold beyond the connections that are seen to be open: idle ones come and go. */
function dispatcherDescriptors({ world }: Trial): number {
  return world.dispatchers.reduce((sum, { pid, proxies }) => {
    const connections = proxies.reduce((open, proxy) => open + proxy.open, 0);
    return sum + (readResources(pid)?.descriptors ?? 0) - connections;
  }, 0);
}

/** Waits until the descriptors are back where they were. */
async function untilDescriptorsAreBack(trial: Trial, before: number, what: string): Promise<void> {
  const more = () => dispatcherDescriptors(trial) - before;
  const idle = () => trial.world.dispatchers.every(({ n8n }) => n8n.open === 0) && more() <= MORE_DESCRIPTORS; // none is kept alive for long
  await waitFor("descriptors to be given back", idle, 30_000).catch(() => {
    const open = trial.world.dispatchers.map(({ name, n8n }) => `${name} has ${n8n.open} connections to n8n`);
    mustHold("broken calls leave no descriptor behind", [`${more()} more descriptors`, ...open]);
  });
  trial.measure(`${what}: descriptors more than before`, more());
}

async function attemptProblems({ world }: Trial, sent: readonly Accepted[]): Promise<string[]> {
  const deliveries = await Promise.all(sent.map(({ message }) => deliveryOf(world, message.id)));
  return deliveries.flatMap(({ messageId, attempts }) => {
    const outcomes = attempts.map(({ outcome }) => outcome).join(", ");
    return outcomes === "retry, delivered" ? [] : [`${messageId} has the attempts ${outcomes}`];
  });
}

const breaks: FaultCase = {
  name: "an answer that breaks off at any point, or is no HTTP: one failed attempt, another follows, nothing leaks",
  async run(trial) {
    const { load, world } = trial;
    const names = Object.keys(BREAKS);
    playScripts(
      trial,
      Object.fromEntries(Object.entries(BREAKS).map(([name, broken]) => [name, firstAttempts(trial, 1, broken)])),
    );
    const visitors = await load.open(names.length * 3);
    await load.steady(30, 60); // so that everything is open that stays open
    const before = dispatcherDescriptors(trial);
    const pids = world.dispatchers.map(({ pid }) => pid);
    const sent = await Promise.all(
      visitors.map((visitor, index) => load.send(visitor, playing(names[index % names.length] ?? ""))),
    );
    await untilAnswered(trial, sent);
    mustHold("a broken answer is one failed attempt", await attemptProblems(trial, sent));
    await untilDescriptorsAreBack(trial, before, "answers break off");
    expectSamePids(trial, pids);
  },
};

function expectSamePids({ world }: Trial, pids: (number | undefined)[]): void {
  const other = world.dispatchers.filter(({ pid }, index) => pid !== pids[index]).map(({ name }) => `${name} has died`);
  mustHold("nothing that n8n answers ends a dispatcher", other);
}

async function untilAnswered({ world }: Trial, sent: readonly Accepted[]): Promise<void> {
  const ids = sent.map(({ message }) => message.id);
  const left = {
    name: "faults-left",
    text: "SELECT count(*) AS count FROM chat_webhook_queue WHERE message_id = ANY($1::uuid[]) AND status <> 'answered'",
  };
  const check = async () => Number((await world.database.query<{ count: number }>(left, [ids]))[0]?.count) === 0;
  await waitFor("all to be answered", check, 40_000);
}

/** Sends while the network does this to the ways to n8n, until each message has lost a call; then all goes through. */
async function through(
  trial: Trial,
  visitors: readonly Visitor[],
  fault: () => void,
  minimum: number,
): Promise<Accepted[]> {
  const { world, load } = trial;
  fault();
  const sent = await Promise.all(visitors.map((visitor) => load.send(visitor)));
  const lost = {
    name: "faults-lost",
    text: "SELECT count(*) AS count FROM chat_delivery_attempt WHERE message_id = ANY($1::uuid[]) AND outcome = 'retry'",
  };
  const ids = sent.map(({ message }) => message.id);
  const count = async () => Number((await world.database.query<{ count: number }>(lost, [ids]))[0]?.count);
  await waitFor("calls to be lost", async () => (await count()) >= minimum, 30_000);
  for (const { n8n } of world.dispatchers) await n8n.pass();
  await untilAnswered(trial, sent);
  return sent;
}

function networkBreaks(what: string, fault: (trial: Trial) => void): FaultCase {
  return {
    name: `${what}: attempts are lost, no dispatcher and no descriptor`,
    async run(trial) {
      const { world, load, bot, calls, measure } = trial;
      world.n8n.answerWith(async (call) => {
        const answer = await bot.answer(call);
        return { ...answer, headers: { "x-filler": "y".repeat(2_000) } }; // so that there is something to break
      });
      const visitors = await load.open(MANY);
      await load.steady(30, 60);
      const before = dispatcherDescriptors(trial);
      const pids = world.dispatchers.map(({ pid }) => pid);
      const accepted = () => world.dispatchers.reduce((sum, { n8n }) => sum + n8n.accepted, 0);
      const acceptedBefore = accepted();
      const sent = await through(trial, visitors, () => fault(trial), MANY);
      measure(`${what}: connections made for ${MANY} messages`, accepted() - acceptedBefore);
      const ids = new Set(sent.map(({ message }) => message.id));
      measure(`${what}: calls that reached n8n`, calls.filter((call) => ids.has(messageIdOf(call))).length);
      await untilDescriptorsAreBack(trial, before, what);
      expectSamePids(trial, pids);
    },
  };
}

const toAll = (action: (n8n: Trial["world"]["dispatchers"][number]["n8n"]) => void) => (trial: Trial) => {
  for (const { n8n } of trial.world.dispatchers) action(n8n);
};

/** Connections to n8n that break. */
export const BREAK_CASES: FaultCase[] = [
  breaks,
  networkBreaks(
    "connections reset within the headers",
    toAll((n8n) => n8n.resetAfter(40)),
  ),
  networkBreaks(
    "connections reset within the body",
    toAll((n8n) => n8n.resetAfter(2_150)),
  ),
  networkBreaks(
    "connections half closed",
    toAll((n8n) => n8n.halfClose()),
  ),
];
