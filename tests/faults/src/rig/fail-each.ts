import type { Responder } from "@chat-relay/testkit/fake-n8n";
import { untilStatus } from "./deliveries.ts";
import type { Trial } from "./fault-case.ts";
import type { Expected } from "./load.ts";
import { playing, playScripts } from "./n8n-script.ts";

const FAILED: Expected = { status: "failed", replies: 0 };

/**
 * Plays each script to a message of a session of its own, with another message behind it, until all have failed; returns
 * the scripts by the ids of their messages.
 */
export async function failEach(
  trial: Trial,
  scripts: Readonly<Record<string, Responder>>,
): Promise<Map<string, string>> {
  const { world, load } = trial;
  playScripts(trial, scripts);
  const names = Object.keys(scripts);
  const visitors = await load.open(names.length);
  const ids = await Promise.all(
    visitors.map(async (visitor, index) => {
      const { message } = await load.send(visitor, { ...playing(names[index] ?? ""), expected: FAILED });
      await load.send(visitor);
      return message.id;
    }),
  );
  await Promise.all(ids.map((id) => untilStatus(world, id, "failed", 40_000)));
  return new Map(ids.map((id, index) => [id, names[index] ?? ""]));
}
