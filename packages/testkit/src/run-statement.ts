import { openDatabase } from "@chat-relay/database/database";

/** Runs one statement on a server, on a connection of its own. */
export async function runStatement(url: string, sql: string): Promise<void> {
  await using database = await openDatabase({ url, poolSize: 1, timeoutMs: 30_000, applicationName: "chat-test" });
  await database.query({ name: "", text: sql }, []);
}
