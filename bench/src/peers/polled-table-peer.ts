import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { MAX_ATTEMPTS, POOL_SIZE, WORKER_CONCURRENCY } from "./peer-limits.ts";
import type { PeerMessage } from "./peer-message.ts";
import type { Deliver, Peer, PeerSettings } from "./peer.ts";

const TABLE = `
  CREATE TABLE delivery (
    message_id uuid PRIMARY KEY REFERENCES message (id),
    status text NOT NULL DEFAULT 'queued',
    attempts int NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT now()
  ) WITH (fillfactor = 70);
  CREATE INDEX delivery_due ON delivery (due_at) WHERE status = 'queued'`;

const ACCEPT = {
  name: "accept",
  text: `
    WITH message AS (
      INSERT INTO message (id, session_id, role, content, created_at) VALUES ($1, $2, 'user', $3, $4) RETURNING id
    )
    INSERT INTO delivery (message_id) SELECT id FROM message`,
};

// All that is due, not ten at a time. Who dies with them is covered by the lease.
const CLAIM = {
  name: "claim",
  text: `
    UPDATE delivery d SET attempts = attempts + 1, due_at = now() + interval '2 minutes'
    FROM message m
    WHERE m.id = d.message_id AND d.message_id IN (
      SELECT message_id FROM delivery WHERE status = 'queued' AND due_at <= now()
      ORDER BY due_at LIMIT 1000 FOR UPDATE SKIP LOCKED)
    RETURNING m.id, m.session_id AS "sessionId", m.content, m.created_at AS "createdAt"`,
};

const SETTLE = { name: "settle", text: "UPDATE delivery SET status = 'delivered' WHERE message_id = $1" };

const RETRY = {
  name: "retry",
  text: `
    UPDATE delivery SET due_at = now() + interval '1 second',
      status = CASE WHEN attempts >= $2 THEN 'failed' ELSE 'queued' END
    WHERE message_id = $1`,
};

async function deliverOne(pool: pg.Pool, message: PeerMessage, deliver: Deliver): Promise<void> {
  try {
    await deliver(message);
    await pool.query({ ...SETTLE, values: [message.id] });
  } catch {
    await pool.query({ ...RETRY, values: [message.id, MAX_ATTEMPTS] });
  }
}

async function deliverAll(pool: pg.Pool, messages: PeerMessage[], deliver: Deliver): Promise<void> {
  const lane = async (): Promise<void> => {
    for (let next = messages.shift(); next !== undefined; next = messages.shift())
      await deliverOne(pool, next, deliver);
  };
  await Promise.all(Array.from({ length: WORKER_CONCURRENCY }, lane));
}

async function poll(settings: PeerSettings, deliver: Deliver, everyMs: number): Promise<never> {
  const pool = new pg.Pool({ connectionString: settings.databaseUrl, max: POOL_SIZE });
  for (let nextMs = performance.now() + everyMs; ; nextMs = Math.max(nextMs + everyMs, performance.now())) {
    await delay(nextMs - performance.now());
    const { rows } = await pool.query<Omit<PeerMessage, "createdAt"> & { createdAt: Date }>(CLAIM);
    const messages = rows.map((row) => ({ ...row, createdAt: row.createdAt.toISOString() }));
    await deliverAll(pool, messages, deliver);
  }
}

/** The classic design: a table is the queue, and a timer looks into it. */
export function polledTablePeer(everyMs: number): Peer {
  return {
    async openIntake(_settings, store) {
      await store.pool.query(TABLE);
      return {
        accept: async ({ id, sessionId, content, createdAt }) => {
          await store.pool.query({ ...ACCEPT, values: [id, sessionId, content, createdAt] });
        },
        keepReply: store.insertReply,
      };
    },
    async startWorker(settings, deliver) {
      void poll(settings, deliver, everyMs);
    },
  };
}
