import type { Database } from "./database.ts";

const END_SESSION = {
  name: "end-session",
  text: "UPDATE chat_session SET ended_at = now() WHERE id = $1 AND ended_at IS NULL",
};

/** Ends a session. What is under way is still delivered and answered. */
export async function endSession(database: Database, id: string): Promise<void> {
  await database.query(END_SESSION, [id]);
}
