import type { ChatMessage } from "@chat-relay/core/message";
import { sendOnce } from "../rig/edge-client.ts";
import { untilAllIsDone } from "../rig/delivery-watch.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import { problemOf, type RawAnswer } from "../rig/raw-http.ts";
import { TEXT_CANARY } from "../rig/product-env.ts";
import { mustHold } from "../rig/violation.ts";

/** How far sends go while NATS is away, by the names that reports and controls use. */
export const OUTBOX_INVARIANTS = {
  cap: "while NATS is away sends are accepted up to the cap, and beyond it refused with 503 and Retry-After",
  again: "sends are accepted again when NATS is back",
} as const;

/** `CHAT_OUTBOX_MAX` in this world; see `edge.test.ts`. */
export const OUTBOX_MAX = 30;

const SESSIONS = 10;

function isFull(answer: RawAnswer): boolean {
  const seconds = Number(answer.headers.get("retry-after") ?? 0);
  return answer.status === 503 && seconds >= 1 && problemOf(answer)["code"] === "unavailable";
}

/** Sends until gateways refuse; what they refuse is not sent again. */
async function fill(trial: Trial, count: number): Promise<string[]> {
  const { world, load } = trial;
  const problems: string[] = [];
  for (let sent = 0; sent < count; sent += 1) {
    const visitor = load.visitors[sent % SESSIONS];
    const gateway = world.gateways[sent % world.gateways.length];
    if (visitor === undefined || gateway === undefined) throw new Error("there is nobody to send, or to take it");
    const answer = await sendOnce(gateway, visitor, { content: `filling ${sent} ${TEXT_CANARY}` });
    if (answer.status === 202) {
      const expected = { status: "answered", replies: 1 } as const;
      load.accepted.push({ message: JSON.parse(answer.text) as ChatMessage, expected, tookMs: answer.tookMs });
    } else if (!isFull(answer)) {
      problems.push(`${answer.status} ${answer.text}`);
    }
  }
  return problems;
}

/** More is sent than may wait. */
export const OUTBOX_CASES: FaultCase[] = [
  {
    name: "while NATS is away sends are accepted up to the cap, then 503, and again when it is back; nothing is lost",
    async run(trial) {
      const { world, load, measure } = trial;
      const nats = world.nats[0]?.server;
      await load.open(SESSIONS);
      await load.steady(10, 40);
      await untilAllIsDone(trial); // what still waits would count
      const before = load.accepted.length;
      await nats?.kill();
      const problems = await fill(trial, 4 * OUTBOX_MAX);
      const accepted = load.accepted.length - before;
      measure("accepted while NATS is away, of a cap of 30", accepted);
      // Each gateway knows of the others' sends within a second.
      const most = world.gateways.length * OUTBOX_MAX;
      mustHold(OUTBOX_INVARIANTS.cap, [
        ...problems,
        ...(accepted >= OUTBOX_MAX && accepted <= most
          ? []
          : [`${accepted} were accepted, of ${OUTBOX_MAX} to ${most}`]),
      ]);
      const waiting = load.steady(10, 20);
      await nats?.start();
      await waiting;
      mustHold(
        OUTBOX_INVARIANTS.again,
        load.accepted.length === before + accepted + 10 ? [] : ["not all were accepted"],
      );
    },
  },
];
