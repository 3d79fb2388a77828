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

async function problems({ database }: World, load: Load, figures: typeof SPENT): Promise<string[]> {
  const ids = load.visitors.map(({ sessionId }) => sessionId);
  const [row] = await database.query<Record<string, number>>(figures, [ids]);
  return Object.entries(row ?? {}).flatMap(([what, count]) => (count === 0 ? [] : [`${count} ${what}`]));
}

/** What an outage has cost the load's messages, in words; nothing while all of them wait untouched. */
export function spentProblems(world: World, load: Load): Promise<string[]> {
  return problems(world, load, SPENT);
}

const CALLED = {
  name: "faults-called",
  text: `
    SELECT count(*) FILTER (WHERE q.status NOT IN ('queued', 'delivering'))::int AS "at their end",
      (SELECT count(*)::int FROM chat_delivery_attempt a JOIN chat_webhook_queue l USING (message_id)
        WHERE l.session_id = ANY($1::uuid[]) AND a.error IS DISTINCT FROM 'the dispatcher was lost during the call') AS "attempts logged"
    FROM chat_webhook_queue q WHERE q.session_id = ANY($1::uuid[])`,
};

/** As `spentProblems`, but where dispatchers are killed: what one has claimed and not given back counts as tried. */
export function calledProblems(world: World, load: Load): Promise<string[]> {
  return problems(world, load, CALLED);
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
