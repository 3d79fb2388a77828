import { openBus, type Bus } from "@chat-relay/bus/bus";
import { parseConfig } from "@chat-relay/core/config";
import { STREAM_NAME } from "@chat-relay/core/events";
import type { Load } from "./load.ts";
import { envBeside } from "./run-product.ts";
import type { World } from "./world.ts";

type Manager = ReturnType<Bus["client"]>["jsm"];

/** What an operator could do with the `nats` command. Opening heals what is missing, so nothing may be missing then. */
export async function byHand<T>(world: World, work: (manager: Manager) => Promise<T>): Promise<T> {
  const parsed = parseConfig(envBeside(world));
  if (!parsed.ok) throw new Error("the world's configuration is not valid");
  await using bus = openBus({ ...parsed.config, name: "by-hand" });
  await bus.ready.catch(() => undefined); // refused for what was changed before: the connection is there all the same
  return await work(bus.client().jsm);
}

/** Work tokens that the stream holds of the load's sessions. */
export async function countTokens(world: World, { visitors }: Load): Promise<number> {
  const filter = { subjects_filter: "chat.message.sent.>" };
  const { state } = await byHand(world, (manager) => manager.streams.info(STREAM_NAME, filter));
  const counts = state.subjects ?? {};
  return visitors.reduce((sum, { sessionId }) => sum + (counts[`chat.message.sent.${sessionId}`] ?? 0), 0);
}
