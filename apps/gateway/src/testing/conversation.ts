import { claimDelivery } from "@chat-relay/database/claim-delivery";
import type { Database } from "@chat-relay/database/database";
import { settleDelivery, type Settlement } from "@chat-relay/database/settle-delivery";

const attempt = { durationMs: 12, httpStatus: 500, error: "n8n said no" };

/** What a dispatcher would do with the session's next message. */
export async function settleNext(
  database: Database,
  ids: { sessionId: string; messageId: string },
  outcome: "delivered" | "failed",
  replies: string[] = [],
): Promise<void> {
  const result = await claimDelivery(database, ids, 5_000);
  if (result.kind !== "claimed") throw new Error(`not claimed: ${result.kind}`);
  const settlement: Settlement =
    outcome === "failed"
      ? { kind: "failed", attempt }
      : { kind: "delivered", attempt: { ...attempt, httpStatus: 200, error: null }, replies };
  const settled = await settleDelivery(database, result.claim, settlement);
  if (settled.kind !== "settled") throw new Error("fenced");
}

/** Time passes for a session until it has expired. */
export async function expire(database: Database, sessionId: string): Promise<void> {
  await database.query(
    { name: "", text: "UPDATE chat_session SET expires_at = now() - interval '1 second' WHERE id = $1" },
    [sessionId],
  );
}
