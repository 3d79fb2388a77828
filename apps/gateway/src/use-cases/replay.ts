import { ChatError } from "@chat-relay/core/errors";
import { unreadChange } from "@chat-relay/core/session-events";
import { readDelivery, type Delivery } from "@chat-relay/database/read-deliveries";
import {
  countReplayable,
  replayDeliveries,
  replayDelivery,
  type ReplayFilter,
} from "@chat-relay/database/replay-deliveries";
import type { GatewayContext } from "../gateway-context.ts";

const BATCH = 500;

export interface ReplayCount {
  matched: number;
  replayed: number;
}

type Parts = Pick<GatewayContext, "database" | "publisher">;

/** One delivery with its attempts, or the refusal that there is none. */
export async function requireDelivery({ database }: Parts, messageId: string): Promise<Delivery> {
  const delivery = await readDelivery(database, messageId);
  if (delivery === undefined) throw new ChatError("not_found", "There is no such delivery");
  return delivery;
}

/** Queues one `failed` or `unanswered` message again and returns its delivery as it is then. */
export async function replayOne(parts: Parts, messageId: string): Promise<Delivery> {
  const { sessionId } = await requireDelivery(parts, messageId);
  const { replayed, announcements } = await replayDelivery(parts.database, messageId, sessionId);
  if (replayed === 0) throw new ChatError("conflict", "Only a failed or unanswered message can be replayed");
  parts.publisher.publishTokens(announcements);
  parts.publisher.publishChanges([unreadChange(sessionId)]);
  return requireDelivery(parts, messageId);
}

/** Queues all that match again; a dry run only counts them. */
export async function replayMany(
  { database, publisher }: Parts,
  filter: ReplayFilter,
  dryRun: boolean,
): Promise<ReplayCount> {
  const matched = await countReplayable(database, filter);
  if (dryRun) return { matched, replayed: 0 };
  let replayed = 0;
  for await (const batch of replayDeliveries(database, filter, BATCH)) {
    replayed += batch.replayed;
    publisher.publishTokens(batch.announcements);
    publisher.publishChanges(batch.sessionIds.map(unreadChange));
  }
  // Some may have failed while we went through them.
  return { matched: Math.max(matched, replayed), replayed };
}
