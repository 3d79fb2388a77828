import { connect } from "node:net";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { CALLBACK_PATH } from "../rig/callback-client.ts";
import { SEND_PATH, visitorHeaders } from "../rig/edge-client.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import type { Visitor } from "../rig/load.ts";
import { mustHold } from "../rig/violation.ts";

/** What slow senders must not reach, by the names that reports and controls use. */
export const SLOW_INVARIANTS = {
  closed: "who does not send a whole request in its time is cut off",
  others: "nobody else notices",
} as const;

/** As long as a request may take in this world; see `edge.test.ts`. */
export const REQUEST_TIMEOUT_MS = 2_000;

const EACH = 130;
const CLOSED_WITHIN_MS = 20_000;
const ACCEPTED_WITHIN_MS = 10_000;

/** A connection that sends its first bytes at once and then one a second, of a request that never ends. */
class SlowSender {
  closedAfterMs: number | undefined;
  answer = "";
  #timer: NodeJS.Timeout;

  constructor(url: string, first: string) {
    const { hostname, port } = new URL(url);
    const startedAtMs = performance.now();
    const socket = connect(Number(port), hostname);
    if (first !== "") socket.write(first);
    this.#timer = setInterval(() => first !== "" && socket.writable && socket.write("x"), 1_000);
    socket.on("data", (chunk) => (this.answer += chunk.toString("latin1")));
    socket.on("error", () => undefined);
    socket.on("close", () => {
      clearInterval(this.#timer);
      this.closedAfterMs = performance.now() - startedAtMs;
    });
  }
}

function slowSenders({ world, random }: Trial, visitor: Visitor): SlowSender[] {
  const { authorization } = visitorHeaders(visitor);
  const head = (path: string) =>
    `POST ${path} HTTP/1.1\r\nhost: localhost\r\nauthorization: ${authorization ?? ""}\r\ncontent-type: application/json\r\n`;
  const kinds = [
    () => new SlowSender(random.pick(world.gateways).url, ""),
    () => new SlowSender(random.pick(world.gateways).url, `${head(SEND_PATH)}x-slow: `),
    () => new SlowSender(random.pick(world.gateways).url, `${head(SEND_PATH)}content-length: 1000\r\n\r\n{"x":"`),
    () =>
      new SlowSender(
        random.pick(world.receivers).url,
        `${head(CALLBACK_PATH)}transfer-encoding: chunked\r\n\r\n3e8\r\n{"x":"`,
      ),
  ];
  return kinds.flatMap((make) => Array.from({ length: EACH }, make));
}

/** Clients that hold connections and send next to nothing. */
export const SLOW_CASES: FaultCase[] = [
  {
    name: "520 connections that send a byte a second are cut off, and nobody else notices",
    async run(trial) {
      const { load, measure } = trial;
      const [visitor] = await load.open(10);
      if (visitor === undefined) throw new Error("no session");
      const senders = slowSenders(trial, visitor);
      await load.steady(150, 30);
      const slowestMs = Math.max(...load.accepted.map(({ tookMs }) => tookMs));
      measure("520 slow senders, a send accepted after ms at most", slowestMs);
      const refused = [...load.answers].filter(([answer]) => !["201", "202"].includes(answer));
      mustHold(SLOW_INVARIANTS.others, [
        ...(slowestMs < ACCEPTED_WITHIN_MS ? [] : [`a send took ${Math.round(slowestMs)} ms`]),
        ...refused.map(([answer, count]) => `${count} sends were answered ${answer}`),
      ]);
      const open = () => senders.filter(({ closedAfterMs }) => closedAfterMs === undefined);
      await waitFor("all slow senders to be cut off", () => open().length === 0, CLOSED_WITHIN_MS).catch(
        () => undefined,
      );
      mustHold(
        SLOW_INVARIANTS.closed,
        open().map(() => `open after ${CLOSED_WITHIN_MS} ms`),
      );
      const taken = senders.filter(({ answer }) => answer !== "" && !answer.startsWith("HTTP/1.1 4"));
      mustHold(
        SLOW_INVARIANTS.closed,
        taken.map(({ answer }) => answer.slice(0, 100)),
      );
      measure(
        "slow sender cut off after ms at most",
        Math.max(...senders.map(({ closedAfterMs = 0 }) => closedAfterMs)),
      );
    },
  },
];
