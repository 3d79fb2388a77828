import type { Trial } from "./fault-case.ts";

const UNMARKED = {
  name: "faults-unmarked",
  text: "SELECT count(*) AS count FROM chat_webhook_queue WHERE session_id = ANY($1::uuid[]) AND published_at IS NULL",
};

/** How many of the load's messages are not known to be on the bus. */
export async function countUnmarked({ world, load }: Trial): Promise<number> {
  const ids = load.visitors.map(({ sessionId }) => sessionId);
  const [row] = await world.database.query<{ count: number }>(UNMARKED, [ids]);
  return row?.count ?? 0;
}
