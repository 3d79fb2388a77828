import { Logger, run, runMigrations } from "graphile-worker";
import { MAX_ATTEMPTS, WORKER_CONCURRENCY } from "./peer-limits.ts";
import type { PeerMessage } from "./peer-message.ts";
import type { Peer } from "./peer.ts";

const quiet = new Logger(() => () => undefined);

// Message and job in one statement, so in one commit: what a queue in the database is good for.
const ACCEPT = {
  name: "accept",
  text: `
    WITH message AS (
      INSERT INTO message (id, session_id, role, content, created_at) VALUES ($1::uuid, $2, 'user', $3, $4)
    )
    SELECT graphile_worker.add_job('deliver', $5::json, max_attempts => $6::int)`,
};

/** graphile-worker as its guide has it. */
export const graphileWorkerPeer: Peer = {
  async openIntake({ databaseUrl }, store) {
    await runMigrations({ connectionString: databaseUrl, logger: quiet });
    return {
      accept: async (message) => {
        const { id, sessionId, content, createdAt } = message;
        const values = [id, sessionId, content, createdAt, JSON.stringify(message), MAX_ATTEMPTS];
        await store.pool.query({ ...ACCEPT, values });
      },
      keepReply: store.insertReply,
    };
  },
  async startWorker({ databaseUrl }, deliver) {
    await run({
      connectionString: databaseUrl,
      concurrency: WORKER_CONCURRENCY,
      maxPoolSize: WORKER_CONCURRENCY + 2, // what its documentation recommends
      logger: quiet,
      taskList: { deliver: async (payload) => deliver(payload as PeerMessage) },
    });
  },
};
