import { setTimeout as pause } from "node:timers/promises";
import { openDatabase } from "@chat-relay/database/database";
import type { World } from "./world.ts";

/** More than the server allows: some always wait for a place that becomes free. */
const CONNECTIONS = 310;
const AGAIN_MS = 250;

const HOLD = { name: "hog-hold", text: "SELECT 1" };
const CUT_SERVICES = {
  name: "hog-cut-services",
  text: `
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name IN ('chat-gateway', 'chat-dispatcher', 'chat-receiver')`,
};

/** Takes every connection that PostgreSQL has, those of the services too, until the work is over. */
export async function withoutConnections(world: World, work: () => Promise<void>): Promise<void> {
  await using hog = await openDatabase({
    url: world.postgres.url,
    poolSize: CONNECTIONS,
    timeoutMs: 20_000,
    applicationName: "hog",
  });
  const over = new AbortController();
  const released = Promise.withResolvers<void>();
  const holdOne = async () => {
    while (!over.signal.aborted) {
      const holding = hog.transaction(async (query) => {
        await query(HOLD, []);
        await released.promise;
      });
      await holding.catch(() => pause(AGAIN_MS));
    }
  };
  const cutServices = async () => {
    while (!over.signal.aborted) {
      await world.database.query(CUT_SERVICES, []).catch(() => undefined); // it may find no place itself
      await pause(AGAIN_MS);
    }
  };
  const hogging = Promise.all([...Array.from({ length: CONNECTIONS }, holdOne), cutServices()]);
  try {
    await Promise.race([work(), hogging]);
  } finally {
    over.abort();
    released.resolve();
    await hogging;
  }
}
