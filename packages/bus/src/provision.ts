import { isDeepStrictEqual } from "node:util";
import type { ChatConfig } from "@chat-relay/core/config";
import { eventSubject, STREAM_NAME, STREAM_SUBJECTS } from "@chat-relay/core/events";
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
  "ackWaitMs" | "maxAckPending" | "streamMaxAgeMs" | "streamMaxBytes" | "streamMessageMaxBytes" | "streamReplicas"
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

const streamInfo = (jsm: JetStreamManager) => unlessMissing(jsm.streams.info(STREAM_NAME));
const consumerInfo = (jsm: JetStreamManager) => unlessMissing(jsm.consumers.info(STREAM_NAME, CONSUMER_NAME));

/** What provisioning did, for a log line. */
export interface Provisioned {
  stream: "created" | "updated" | "unchanged";
  consumer: "created" | "updated" | "unchanged";
}

async function provisionStream(jsm: JetStreamManager, limits: ProvisionLimits): Promise<Provisioned["stream"]> {
  const wanted = streamConfig(limits);
  const present = await streamInfo(jsm);
  if (present === undefined) {
    await jsm.streams.add({ name: STREAM_NAME, ...wanted });
    return "created";
  }
  if (drift(wanted, present.config).length === 0) return "unchanged";
  await jsm.streams.update(STREAM_NAME, wanted);
  return "updated";
}

async function provisionConsumer(jsm: JetStreamManager, limits: ProvisionLimits): Promise<Provisioned["consumer"]> {
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

/** Makes stream and consumer as configured: creates what is missing, updates what differs. */
export async function provision(jsm: JetStreamManager, limits: ProvisionLimits): Promise<Provisioned> {
  const stream = await provisionStream(jsm, limits);
  return { stream, consumer: await provisionConsumer(jsm, limits) };
}

/**
 * Makes what is missing, so that a wiped store heals while services run, and refuses what differs: two versions of a
 * service must not overrule each other's settings.
 */
export async function ensureProvisioned(jsm: JetStreamManager, limits: ProvisionLimits): Promise<void> {
  const stream = await streamInfo(jsm);
  const consumer = stream === undefined ? undefined : await consumerInfo(jsm);
  const problems = [
    ...(stream === undefined
      ? []
      : drift(streamConfig(limits), stream.config).map((text) => `stream ${STREAM_NAME}: ${text}`)),
    ...(consumer === undefined
      ? []
      : drift(consumerConfig(limits), consumer.config).map((text) => `consumer ${CONSUMER_NAME}: ${text}`)),
  ];
  if (problems.length > 0) {
    throw new BusRefusedError(
      `JetStream is not as configured (${problems.join("; ")}): run the migrate step, npm run chat:migrate`,
    );
  }
  if (stream === undefined || consumer === undefined) await provision(jsm, limits);
}
