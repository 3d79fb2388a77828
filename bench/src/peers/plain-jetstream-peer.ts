import { AckPolicy, jetstream, jetstreamManager, RetentionPolicy, StorageType, type JsMsg } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { MAX_ATTEMPTS, WORKER_CONCURRENCY } from "./peer-limits.ts";
import type { PeerMessage } from "./peer-message.ts";
import type { Deliver, Peer } from "./peer.ts";

const STREAM = "MESSAGES";
const CONSUMER = "worker";
const ACK_WAIT_NS = 130 * 1e9;
const RETRY_MS = 1_000;

async function handle(received: JsMsg, deliver: Deliver): Promise<void> {
  try {
    await deliver(received.json<PeerMessage>());
    received.ack();
  } catch {
    received.nak(RETRY_MS);
  }
}

async function consume(messages: AsyncIterable<JsMsg>, deliver: Deliver): Promise<void> {
  for await (const message of messages) void handle(message, deliver);
}

/** JetStream as its guide has it: a row is inserted, the message published and acknowledged, and a worker consumes it. */
export const plainJetstreamPeer: Peer = {
  async openIntake({ brokerUrl }, store) {
    const connection = await connect({ servers: new URL(brokerUrl).host });
    const manager = await jetstreamManager(connection);
    await manager.streams.add({
      name: STREAM,
      subjects: ["message.*"],
      storage: StorageType.File,
      retention: RetentionPolicy.Workqueue,
    });
    await manager.consumers.add(STREAM, {
      durable_name: CONSUMER,
      ack_policy: AckPolicy.Explicit,
      ack_wait: ACK_WAIT_NS,
      max_ack_pending: WORKER_CONCURRENCY,
      max_deliver: MAX_ATTEMPTS,
    });
    const js = jetstream(connection);
    return {
      accept: async (message) => {
        await store.insertMessage(message);
        await js.publish(`message.${message.sessionId}`, JSON.stringify(message), { msgID: message.id });
      },
      keepReply: store.insertReply,
    };
  },
  async startWorker({ brokerUrl }, deliver) {
    const connection = await connect({ servers: new URL(brokerUrl).host });
    const consumer = await jetstream(connection).consumers.get(STREAM, CONSUMER);
    void consume(await consumer.consume({ max_messages: 2 * WORKER_CONCURRENCY }), deliver);
  },
};
