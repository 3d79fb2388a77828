import { PgBoss } from "pg-boss";
import { MAX_ATTEMPTS, POOL_SIZE, WORKER_CONCURRENCY } from "./peer-limits.ts";
import type { PeerMessage } from "./peer-message.ts";
import type { Peer, PeerSettings } from "./peer.ts";

const QUEUE = "messages";
/** Each notification wakes all workers, so a few that take several jobs each cost less than many that take one. */
const BATCH_SIZE = 8;

async function startBoss({ databaseUrl }: PeerSettings): Promise<PgBoss> {
  const boss = new PgBoss({ connectionString: databaseUrl, max: POOL_SIZE, useListenNotify: true, schedule: false });
  boss.on("error", (error) => void process.stderr.write(`pg-boss: ${error.message}\n`));
  await boss.start();
  await boss.createQueue(QUEUE, { notify: true, retryLimit: MAX_ATTEMPTS - 1, retryDelay: 1, retryBackoff: true });
  return boss;
}

/** pg-boss with its quickest wake-up, LISTEN/NOTIFY. */
export const pgBossPeer: Peer = {
  async openIntake(settings, store) {
    const boss = await startBoss(settings);
    return {
      accept: async (message) => {
        await store.insertMessage(message);
        await boss.send(QUEUE, message);
      },
      keepReply: store.insertReply,
    };
  },
  async startWorker(settings, deliver) {
    const boss = await startBoss(settings);
    const options = {
      batchSize: BATCH_SIZE,
      localConcurrency: WORKER_CONCURRENCY / BATCH_SIZE,
      burstWhenBatchFull: true,
    };
    await boss.work<PeerMessage>(QUEUE, options, async (jobs) => {
      await Promise.all(jobs.map(({ data }) => deliver(data)));
    });
  },
};
