import type { Database } from "@chat-relay/database/database";
import type { BusAtRest } from "./nats-monitor.ts";

/** Rows that are gone when everything has come to its end, by what reports call them. */
const ROWS = {
  "deliveries under way": "chat_webhook_queue WHERE status = 'delivering'",
  "messages queued": "chat_webhook_queue WHERE status = 'queued'",
  "replies in the outbox": "chat_reply_outbox",
  leases: "chat_session WHERE lease_until IS NOT NULL",
  heads: "chat_session WHERE head_id IS NOT NULL",
  "open transactions": "pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'",
};

const COUNTS = Object.entries(ROWS).map(([name, rows]) => `(SELECT count(*) FROM ${rows}) AS "${name}"`);
const LEFT_OVER = { name: "faults-left-over", text: `SELECT ${COUNTS.join(", ")}` };

/**
 * Everything that is counted. The stream's bytes are not: it keeps finished events, as it is to, and that it drops the
 * oldest at its limit is a case of its own.
 */
const MUST_BE_GONE = [...Object.keys(ROWS), "tokens pending", "tokens unacknowledged"];

/** How much of each there is; undefined for what nothing tells of. */
export type LeftOver = Readonly<Record<string, number | undefined>>;

/** What it is read from. */
export interface Stores {
  database: Pick<Database, "query">;
  bus(): Promise<Pick<BusAtRest, "pending" | "ackPending"> | undefined>;
}

/** Counts what is left over. */
export async function readLeftOver(stores: Stores): Promise<LeftOver> {
  const [row] = await stores.database.query<Record<string, number>>(LEFT_OVER, []);
  const bus = await stores.bus();
  return { ...row, "tokens pending": bus?.pending, "tokens unacknowledged": bus?.ackPending };
}

/** What of it is not gone, or may not be. */
export function leftOverProblems(counts: LeftOver): string[] {
  return MUST_BE_GONE.flatMap((name) => {
    const count = counts[name];
    if (count === undefined) return [`nothing tells of ${name}`];
    return count === 0 ? [] : [`${count} ${name}`];
  });
}
