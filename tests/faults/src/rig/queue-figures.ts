import type { Load } from "./load.ts";
import type { World } from "./world.ts";

const SPENT = {
  name: "faults-spent",
  text: `
    SELECT count(*) FILTER (WHERE q.status <> 'queued')::int AS "not queued", COALESCE(sum(q.attempts), 0)::int AS "attempts counted",
      (SELECT count(*)::int FROM chat_delivery_attempt a JOIN chat_webhook_queue l USING (message_id)
        WHERE l.session_id = ANY($1::uuid[])) AS "attempts logged"
    FROM chat_webhook_queue q WHERE q.session_id = ANY($1::uuid[])`,
};

/** What an outage has cost the load's messages, in words; nothing while all of them wait untouched. */
export async function spentProblems(world: World, load: Load): Promise<string[]> {
  const ids = load.visitors.map(({ sessionId }) => sessionId);
  const [row] = await world.database.query<Record<string, number>>(SPENT, [ids]);
  return Object.entries(row ?? {}).flatMap(([what, count]) => (count === 0 ? [] : [`${count} ${what}`]));
}

const LEFT = {
  name: "faults-queue-left",
  text: "SELECT count(*)::int AS count FROM chat_webhook_queue WHERE session_id = ANY($1::uuid[]) AND status IN ('queued', 'delivering')",
};

/** How many of the load's messages have not come to their end. */
export async function queueLength(world: World, load: Load): Promise<number> {
  const ids = load.visitors.map(({ sessionId }) => sessionId);
  const [row] = await world.database.query<{ count: number }>(LEFT, [ids]);
  return row?.count ?? 0;
}
