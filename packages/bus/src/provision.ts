import { isDeepStrictEqual } from "node:util";
import type { ChatConfig } from "@chat-relay/core/config";
import {
  eventSubject,
  LIVE_STREAM_NAME,
  LIVE_STREAM_SUBJECTS,
  STREAM_NAME,
  STREAM_SUBJECTS,
} from "@chat-relay/core/events";
import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  type ConsumerConfig,
  type JetStreamManager,
  type StreamConfig,
} from "@nats-io/jetstream";
import { BusRefusedError } from "./errors.ts";

/** The dispatchers' one durable consumer: it hands each work token to one of them. */
export const CONSUMER_NAME = "dispatcher";

const NANOS = 1_000_000;
const DEDUPLICATION_MS = 120_000;

export type ProvisionLimits = Pick<
  ChatConfig,
  | "ackWaitMs"
  | "maxAckPending"
  | "streamMaxAgeMs"
  | "streamMaxBytes"
  | "streamMessageMaxBytes"
  | "streamReplicas"
  | "liveMaxAgeMs"
  | "liveMaxBytes"
>;

function streamConfig(limits: ProvisionLimits) {
  return {
    subjects: STREAM_SUBJECTS,
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    // Finished events make room for new ones; a work token that goes this way is found by the sweep.
    discard: DiscardPolicy.Old,
    max_age: limits.streamMaxAgeMs * NANOS,
    max_bytes: limits.streamMaxBytes,
    max_msg_size: limits.streamMessageMaxBytes,
    num_replicas: limits.streamReplicas,
    duplicate_window: Math.min(DEDUPLICATION_MS, limits.streamMaxAgeMs) * NANOS,
  } satisfies Partial<StreamConfig>;
}

function liveStreamConfig(limits: ProvisionLimits) {
  return {
    subjects: LIVE_STREAM_SUBJECTS,
    retention: RetentionPolicy.Limits,
    // Pieces outlive the process that sent them and the one that shows them; whoever sends them has them all, should the
    // server forget.
    storage: StorageType.Memory,
    discard: DiscardPolicy.Old,
    max_age: limits.liveMaxAgeMs * NANOS,
    max_bytes: limits.liveMaxBytes,
    max_msg_size: limits.streamMessageMaxBytes,
    num_replicas: limits.streamReplicas,
    duplicate_window: Math.min(DEDUPLICATION_MS, limits.liveMaxAgeMs) * NANOS,
    allow_direct: true,
  } satisfies Partial<StreamConfig>;
}

function consumerConfig(limits: ProvisionLimits) {
  return {
    durable_name: CONSUMER_NAME,
    filter_subject: eventSubject("chat.message.sent", "*"),
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    ack_wait: limits.ackWaitMs * NANOS,
    // Exhaustion is decided in PostgreSQL. No backoff list: it would overrule ack_wait and not apply to nak.
    max_deliver: -1,
    max_ack_pending: limits.maxAckPending,
  } satisfies Partial<ConsumerConfig>;
}

/** Fields in which what is there differs from what is wanted. */
function drift(wanted: object, present: object): string[] {
  const actual = new Map<string, unknown>(Object.entries(present));
  return Object.entries(wanted)
    .filter(([field, value]) => !isDeepStrictEqual(actual.get(field), value))
    .map(([field, value]) => `${field} is ${JSON.stringify(actual.get(field))}, wanted ${JSON.stringify(value)}`);
}

async function unlessMissing<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    const missing: number[] = [JetStreamApiCodes.StreamNotFound, JetStreamApiCodes.ConsumerNotFound];
    if (error instanceof JetStreamApiError && missing.includes(error.code)) return undefined;
    throw error;
  }
}

interface WantedStream {
  name: string;
  wanted: Partial<StreamConfig> & { subjects: string[] };
}

const streamsOf = (limits: ProvisionLimits): [WantedStream, WantedStream] => [
  { name: STREAM_NAME, wanted: streamConfig(limits) },
  { name: LIVE_STREAM_NAME, wanted: liveStreamConfig(limits) },
];

const streamInfo = (jsm: JetStreamManager, name: string) => unlessMissing(jsm.streams.info(name));
const consumerInfo = (jsm: JetStreamManager) => unlessMissing(jsm.consumers.info(STREAM_NAME, CONSUMER_NAME));

/** What provisioning did to one of them, for a log line. */
type Step = "created" | "updated" | "unchanged";

/** What provisioning did, for a log line. */
export interface Provisioned {
  stream: Step;
  liveStream: Step;
  consumer: Step;
}

async function provisionStream(jsm: JetStreamManager, { name, wanted }: WantedStream): Promise<Step> {
  const present = await streamInfo(jsm, name);
  if (present === undefined) {
    await jsm.streams.add({ name, ...wanted });
    return "created";
  }
  if (drift(wanted, present.config).length === 0) return "unchanged";
  await jsm.streams.update(name, wanted);
  return "updated";
}

async function provisionConsumer(jsm: JetStreamManager, limits: ProvisionLimits): Promise<Step> {
  const wanted = consumerConfig(limits);
  const present = await consumerInfo(jsm);
  if (present === undefined) {
    await jsm.consumers.add(STREAM_NAME, wanted);
    return "created";
  }
  if (drift(wanted, present.config).length === 0) return "unchanged";
  await jsm.consumers.update(STREAM_NAME, CONSUMER_NAME, wanted);
  return "updated";
}

/** Makes streams and consumer as configured: creates what is missing, updates what differs. */
export async function provision(jsm: JetStreamManager, limits: ProvisionLimits): Promise<Provisioned> {
  const [events, live] = streamsOf(limits);
  const stream = await provisionStream(jsm, events);
  const liveStream = await provisionStream(jsm, live);
  return { stream, liveStream, consumer: await provisionConsumer(jsm, limits) };
}

interface Found {
  missing: boolean;
  problems: string[];
}

async function inspect(what: string, wanted: object, info: Promise<{ config: object } | undefined>): Promise<Found> {
  const present = await info;
  if (present === undefined) return { missing: true, problems: [] };
  return { missing: false, problems: drift(wanted, present.config).map((text) => `${what}: ${text}`) };
}

/**
 * Makes what is missing, so that a wiped store heals while services run, and refuses what differs: two versions of a
 * service must not overrule each other's settings.
 */
export async function ensureProvisioned(jsm: JetStreamManager, limits: ProvisionLimits): Promise<void> {
  const found = await Promise.all([
    ...streamsOf(limits).map(({ name, wanted }) => inspect(`stream ${name}`, wanted, streamInfo(jsm, name))),
    inspect(`consumer ${CONSUMER_NAME}`, consumerConfig(limits), consumerInfo(jsm)),
  ]);
  const problems = found.flatMap((one) => one.problems);
  if (problems.length > 0) {
    throw new BusRefusedError(
      `JetStream is not as configured (${problems.join("; ")}): run the migrate step, npm run chat:migrate`,
    );
  }
  if (found.some((one) => one.missing)) await provision(jsm, limits);
}
