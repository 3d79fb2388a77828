import { Queue, Worker, type JobsOptions, type RedisOptions } from "bullmq";
import { MAX_ATTEMPTS, WORKER_CONCURRENCY } from "./peer-limits.ts";
import type { PeerMessage } from "./peer-message.ts";
import type { Peer, PeerSettings } from "./peer.ts";

const QUEUE = "messages";

function redis({ brokerUrl }: PeerSettings): RedisOptions {
  const { hostname, port } = new URL(brokerUrl);
  return { host: hostname, port: Number(port), maxRetriesPerRequest: null };
}

function jobOptions({ id }: PeerMessage): JobsOptions {
  return {
    jobId: id,
    attempts: MAX_ATTEMPTS,
    backoff: { type: "exponential", delay: 1_000 },
    removeOnComplete: true,
  };
}

export function openQueue(settings: PeerSettings): Queue<PeerMessage> {
  return new Queue<PeerMessage>(QUEUE, { connection: redis(settings) });
}

/** Adds many jobs in one round trip. */
export async function addJobs(queue: Queue<PeerMessage>, messages: PeerMessage[]): Promise<void> {
  await queue.addBulk(messages.map((message) => ({ name: "deliver", data: message, opts: jobOptions(message) })));
}

/** BullMQ as its guide has it: a row is inserted, a job added, and a worker calls n8n. */
export const bullmqPeer: Peer = {
  async openIntake(settings, store) {
    const queue = openQueue(settings);
    await queue.waitUntilReady();
    return {
      accept: async (message) => {
        await store.insertMessage(message);
        await queue.add("deliver", message, jobOptions(message));
      },
      keepReply: store.insertReply,
    };
  },
  async startWorker(settings, deliver) {
    const worker = new Worker<PeerMessage>(QUEUE, async ({ data }) => deliver(data), {
      connection: redis(settings),
      concurrency: WORKER_CONCURRENCY,
    });
    await worker.waitUntilReady();
  },
};
