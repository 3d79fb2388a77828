import { isId } from "@chat-relay/core/ids";
import type { DeliveryStatus } from "@chat-relay/core/message";
import type { Database } from "./database.ts";

/** One delivery as operators see it. */
export interface Delivery {
  messageId: string;
  sessionId: string;
  sequence: number;
  status: DeliveryStatus;
  createdAt: string;
  attempts: DeliveryAttempt[];
}

export interface DeliveryAttempt {
  number: number;
  startedAt: string;
  durationMs: number;
  httpStatus: number | null;
  error: string | null;
  outcome: "delivered" | "retry" | "failed";
}

export interface DeliveryQuery {
  status?: DeliveryStatus | undefined;
  sessionId?: string | undefined;
  before?: string | undefined;
  limit: number;
}

const COLUMNS = `message_id AS "messageId", session_id AS "sessionId", sequence, status, created_at AS "createdAt"`;

const LIST = (where: string) =>
  `SELECT ${COLUMNS} FROM chat_webhook_queue WHERE ($1::uuid IS NULL OR message_id < $1) ${where} ORDER BY message_id DESC LIMIT $2`;

// A statement for each filter: a plan that serves all of them serves none.
const LISTS = {
  all: { name: "deliveries-all", text: LIST("") },
  status: { name: "deliveries-by-status", text: LIST("AND status = $3") },
  session: { name: "deliveries-by-session", text: LIST("AND session_id = $3") },
  both: { name: "deliveries-by-session-and-status", text: LIST("AND session_id = $3 AND status = $4") },
};

const ONE = { name: "delivery", text: `SELECT ${COLUMNS} FROM chat_webhook_queue WHERE message_id = $1` };

const ATTEMPTS = {
  name: "delivery-attempts",
  text: `
    SELECT message_id AS "messageId", number, started_at AS "startedAt", duration_ms AS "durationMs",
      http_status AS "httpStatus", error, outcome
    FROM chat_delivery_attempt WHERE message_id = ANY($1::uuid[]) ORDER BY message_id, number`,
};

type DeliveryRow = Omit<Delivery, "attempts">;

async function withAttempts(database: Database, rows: DeliveryRow[]): Promise<Delivery[]> {
  const ids = rows.map((row) => row.messageId);
  const attempts = await database.query<DeliveryAttempt & { messageId: string }>(ATTEMPTS, [ids]);
  const byMessage = Map.groupBy(attempts, (attempt) => attempt.messageId);
  return rows.map((row) => {
    const own = (byMessage.get(row.messageId) ?? []).map(({ messageId: _, ...attempt }) => attempt);
    return { ...row, attempts: own };
  });
}

function listStatement(query: DeliveryQuery) {
  const { status, sessionId } = query;
  if (status !== undefined && sessionId !== undefined) return { statement: LISTS.both, extra: [sessionId, status] };
  if (status !== undefined) return { statement: LISTS.status, extra: [status] };
  if (sessionId !== undefined) return { statement: LISTS.session, extra: [sessionId] };
  return { statement: LISTS.all, extra: [] };
}

/** Deliveries, newest first, one more than asked for when there are more. */
export async function readDeliveries(database: Database, query: DeliveryQuery): Promise<Delivery[]> {
  const { statement, extra } = listStatement(query);
  const rows = await database.query<DeliveryRow>(statement, [query.before ?? null, query.limit + 1, ...extra]);
  return withAttempts(database, rows);
}

/** One delivery with its attempts. */
export async function readDelivery(database: Database, messageId: string): Promise<Delivery | undefined> {
  if (!isId(messageId)) return undefined;
  const rows = await database.query<DeliveryRow>(ONE, [messageId]);
  const [delivery] = await withAttempts(database, rows);
  return delivery;
}
