import type { ChatMessage } from "@chat-relay/core/message";
import { sendOnce, startSession } from "../rig/edge-client.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import type { Visitor } from "../rig/load.ts";
import { TEXT_CANARY } from "../rig/product-env.ts";
import type { RawAnswer, RawRequest } from "../rig/raw-http.ts";
import type { Random } from "../rig/random.ts";
import { mustHold } from "../rig/violation.ts";

/** What the limits at the edge must hold, by the names that reports and controls use. */
export const EDGE_LIMIT_INVARIANTS = {
  address: "an address opens as many sessions as the limit says, over all gateways and whatever its headers say",
  session: "a session sends as many messages as the limit says, over all gateways",
  others: "nobody else is limited with it",
  told: "who is over a limit is told when to come again",
} as const;

/** See `edge.test.ts`. */
export const SESSIONS_LIMIT = { count: 20, seconds: 600 };
export const MESSAGES_LIMIT = { count: 10, seconds: 60 };
/** Stands between the gateways and clients, and is believed. */
export const TRUSTED_PROXY = "127.0.0.9";

type Headers = NonNullable<RawRequest["headers"]>;

function anyAddress(random: Random): string {
  const parts = () => Array.from({ length: 4 }, () => random.int(256)).join(".");
  const words = () => Array.from({ length: 8 }, () => random.int(65_536).toString(16)).join(":");
  return random.pick([
    parts,
    words,
    () => `::ffff:${parts()}`,
    () => "unknown",
    () => `_${words().replaceAll(":", "")}`,
  ])();
}

function spoofed(random: Random): Headers {
  const names = [
    "x-forwarded-for",
    "x-real-ip",
    "forwarded",
    "x-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "x-forwarded",
    "client-ip",
    "via",
  ];
  return Object.fromEntries(
    names.map((name) => [name, name === "forwarded" ? `for="${anyAddress(random)}"` : anyAddress(random)]),
  );
}

/** So many requests for a session, a few at once, at all gateways in turn. */
async function openMany(
  { world }: Trial,
  count: number,
  from: string,
  headers: (index: number) => Headers,
): Promise<RawAnswer[]> {
  const answers: RawAnswer[] = [];
  for (let begin = 0; begin < count; begin += 25) {
    const batch = Array.from({ length: Math.min(25, count - begin) }, (_, offset) => {
      const gateway = world.gateways[(begin + offset) % world.gateways.length];
      if (gateway === undefined) throw new Error("there is no gateway");
      return startSession(gateway, {}, { from, headers: headers(begin + offset) });
    });
    answers.push(...(await Promise.all(batch)));
  }
  return answers;
}

function checkTold(
  policy: string,
  { count, seconds }: { count: number; seconds: number },
  answers: readonly RawAnswer[],
): void {
  const silent = answers.filter(({ status, headers }) => {
    const wait = Number(headers.get("retry-after"));
    const told = wait >= 1 && wait <= seconds && headers.get("ratelimit") === `"${policy}";r=0;t=${wait}`;
    return status === 429 && !(told && headers.get("ratelimit-policy") === `"${policy}";q=${count};w=${seconds}`);
  });
  mustHold(
    EDGE_LIMIT_INVARIANTS.told,
    silent.map(({ headers }) => JSON.stringify([...headers])),
  );
}

function checkCount(what: string, invariant: string, wanted: number, ok: number, answers: readonly RawAnswer[]): void {
  const accepted = answers.filter(({ status }) => status === ok).length;
  const others = answers.filter(({ status }) => status !== ok && status !== 429);
  mustHold(invariant, [
    ...(accepted === wanted ? [] : [`${what}: ${accepted} were accepted, not ${wanted}`]),
    ...others.map(({ status, text }) => `${what}: ${status} ${text}`),
  ]);
}

async function checkAddress(
  trial: Trial,
  what: string,
  count: number,
  from: string,
  headers: (index: number) => Headers,
): Promise<void> {
  const answers = await openMany(trial, count, from, headers);
  checkCount(what, EDGE_LIMIT_INVARIANTS.address, SESSIONS_LIMIT.count, 201, answers);
  checkTold("sessions", SESSIONS_LIMIT, answers);
}

async function checkFree(trial: Trial, what: string, from: string, headers: Headers = {}): Promise<void> {
  const answers = await openMany(trial, 1, from, () => headers);
  checkCount(what, EDGE_LIMIT_INVARIANTS.others, 1, 201, answers);
}

const forwarded = (address: string): Headers => ({ "x-forwarded-for": address });

function pushAccepted({ load }: Trial, answers: readonly RawAnswer[]): void {
  const expected = { status: "answered", replies: 1 } as const;
  for (const { status, text, tookMs } of answers) {
    if (status === 202) load.accepted.push({ message: JSON.parse(text) as ChatMessage, expected, tookMs });
  }
}

async function sendMany(trial: Trial, visitor: Visitor, count: number, from: string): Promise<RawAnswer[]> {
  const { world } = trial;
  const sends = Array.from({ length: count }, (_, index) => {
    const gateway = world.gateways[index % world.gateways.length];
    if (gateway === undefined) throw new Error("there is no gateway");
    return sendOnce(gateway, visitor, { content: `flood ${index} ${TEXT_CANARY}` }, { from });
  });
  const answers = await Promise.all(sends);
  pushAccepted(trial, answers);
  return answers;
}

/** Clients that want more than their share. */
export const EDGE_LIMIT_CASES: FaultCase[] = [
  {
    name: "1,000 requests for sessions under invented addresses, direct: the limit trips as if there were none",
    async run(trial) {
      await checkAddress(trial, "direct", 1_000, "127.0.0.20", () => spoofed(trial.random));
      await checkFree(trial, "another address", "127.0.0.21");
      await checkFree(trial, "an address that was invented", TRUSTED_PROXY, forwarded("203.0.113.200"));
    },
  },
  {
    name: "requests for sessions through a trusted proxy: one client is one, however its address is written",
    async run(trial) {
      const { random } = trial;
      const behind = (what: string, headers: (index: number) => Headers) =>
        checkAddress(trial, what, 100, TRUSTED_PROXY, headers);
      await behind("invented addresses in front", () => ({
        ...spoofed(random),
        ...forwarded(`${anyAddress(random)}, ${anyAddress(random)}, 203.0.113.5`),
      }));
      await behind("in a header each", () => ({ "x-forwarded-for": [anyAddress(random), "203.0.113.6"] }));
      await behind("addresses of one /64", () =>
        forwarded(`2001:db8:1:2:${random.int(65_536).toString(16)}::${random.int(65_536).toString(16)}`),
      );
      await behind("IPv4 written as IPv6", (index) =>
        forwarded(
          ["203.0.113.7", "::ffff:203.0.113.7", "::ffff:cb00:7107", "0:0:0:0:0:FFFF:203.0.113.7"][index % 4] ?? "",
        ),
      );
      await behind("what is no address", (index) => forwarded(`host-${index}-${random.int(1e6)}`));
      await behind("proxies in a row", (index) => forwarded(`203.0.113.8${", 127.0.0.9".repeat(index % 5)}`));
      await checkFree(trial, "another /64", TRUSTED_PROXY, forwarded("2001:db8:1:3::1"));
      await checkFree(trial, "another client", TRUSTED_PROXY, forwarded("203.0.113.9"));
    },
  },
  {
    name: "a flood of messages in one session is limited there, and others send on",
    async run(trial) {
      const [flooder, other] = await trial.load.open(2);
      if (flooder === undefined || other === undefined) return;
      const flooding = sendMany(trial, flooder, 80, "127.0.0.30");
      const others = sendMany(trial, other, MESSAGES_LIMIT.count, "127.0.0.30");
      const answers = await flooding;
      checkCount("a flood", EDGE_LIMIT_INVARIANTS.session, MESSAGES_LIMIT.count, 202, answers);
      checkTold("messages", MESSAGES_LIMIT, answers);
      checkCount("another session", EDGE_LIMIT_INVARIANTS.others, MESSAGES_LIMIT.count, 202, await others);
    },
  },
];
