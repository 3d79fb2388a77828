import { countUnpublished } from "@chat-relay/database/outbox";
import { readQueue, type QueueSummary } from "@chat-relay/database/read-queue";
import type { GatewayContext } from "../gateway-context.ts";

export interface QueueState extends QueueSummary {
  outbox: { unpublished: number };
  bus: { pending: number; ackPending: number; redelivered: number } | null;
}

type Parts = Pick<GatewayContext, "database" | "bus" | "config">;

// NATS is what operators come to look at when it is away: the rest of the answer must not depend on it.
async function readBus({ bus }: Parts): Promise<QueueState["bus"]> {
  try {
    const { pending, ackPending, redelivered } = await bus.state();
    return { pending, ackPending, redelivered };
  } catch {
    return null;
  }
}

/** The queue as it is now, in PostgreSQL and on the bus. */
export async function inspectQueue(parts: Parts): Promise<QueueState> {
  const { database, config } = parts;
  const [summary, unpublished, bus] = await Promise.all([
    readQueue(database),
    countUnpublished(database, config.outboxMax, !parts.bus.connected),
    readBus(parts),
  ]);
  return { ...summary, outbox: { unpublished }, bus };
}
