import type { World } from "./world.ts";

const TABLES = ["chat_session", "chat_message", "chat_webhook_queue", "chat_delivery_attempt", "chat_reply_outbox"];

/** What is stored of all conversations, as one digest per table. */
export async function snapshotTables(world: World): Promise<Record<string, string>> {
  const digests: Record<string, string> = {};
  for (const table of TABLES) {
    const text = `SELECT count(*) || ' ' || COALESCE(md5(string_agg(line, E'\\n' ORDER BY line)), '') AS digest FROM (SELECT t::text AS line FROM ${table} t) lines`;
    const [row] = await world.database.query<{ digest: string }>({ name: `faults-snapshot-${table}`, text }, []);
    digests[table] = row?.digest ?? "";
  }
  return digests;
}
