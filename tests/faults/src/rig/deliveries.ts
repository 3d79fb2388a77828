import { readDelivery, type Delivery } from "@chat-relay/database/read-deliveries";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { ADMIN_TOKEN } from "./product-env.ts";
import type { World } from "./world.ts";

/** A message's delivery with all its attempts, by a way that no fault is on. */
export async function deliveryOf(world: World, messageId: string): Promise<Delivery> {
  const found = await readDelivery(world.database, messageId);
  if (found === undefined) throw new Error(`${messageId} has no delivery`);
  return found;
}

/** Waits until the message has the status. */
export function untilStatus(
  world: World,
  messageId: string,
  status: Delivery["status"],
  withinMs?: number,
): Promise<Delivery> {
  const check = async () => {
    const delivery = await deliveryOf(world, messageId);
    return delivery.status === status && delivery;
  };
  return waitFor(`${messageId} to be ${status}`, check, withinMs);
}

const DELAY = {
  name: "faults-retry-delay",
  text: `
    SELECT extract(epoch FROM q.due_at - a.started_at)::float8 * 1000 - a.duration_ms AS "delayMs"
    FROM chat_webhook_queue q JOIN chat_delivery_attempt a ON a.message_id = q.message_id AND a.number = q.attempts
    WHERE q.message_id = $1 AND q.status = 'queued'`,
};

/** Waits for the attempt that failed, and tells how long after its end the ledger has the next one due. */
export async function ledgerDelayMs(world: World, messageId: string): Promise<number> {
  const read = async () => (await world.database.query<{ delayMs: number }>(DELAY, [messageId]))[0];
  return (await waitFor(`${messageId} to wait for its next attempt`, read)).delayMs;
}

/** Posts to the operator's API by way of the gateway. */
export async function adminPost<T>(gatewayUrl: string, path: string, body?: object): Promise<T> {
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" };
  const init = { method: "POST", headers, body: JSON.stringify(body ?? {}) };
  const response = await fetch(`${gatewayUrl}/api/chat/admin${path}`, init);
  if (!response.ok) throw new Error(`admin ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}
