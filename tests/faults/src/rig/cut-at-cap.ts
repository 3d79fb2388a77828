import type { Responder } from "@chat-relay/testkit/fake-n8n";
import { deliveryOf } from "./deliveries.ts";
import { checkExcerpts } from "./excerpts.ts";
import { failEach } from "./fail-each.ts";
import type { Trial } from "./fault-case.ts";
import { counted, MOST_POURED_BYTES } from "./pour.ts";
import { mustHold } from "./violation.ts";

async function onceProblems({ world }: Trial, failed: ReadonlyMap<string, string>): Promise<string[]> {
  const found = [...failed].map(async ([id, name]) => {
    const { attempts } = await deliveryOf(world, id);
    return attempts.length === 1 && attempts[0]?.outcome === "failed"
      ? []
      : [`${name} took ${attempts.length} attempts`];
  });
  return (await Promise.all(found)).flat();
}

/** Plays an answer over its limits: it must be cut there, and fail its message at once. */
export async function mustCutAtCap(trial: Trial, name: string, responder: Responder): Promise<void> {
  const poured = { bytes: 0 };
  const failed = await failEach(trial, { [name]: counted(poured, responder) });
  trial.measure(`${name}: KiB that left n8n`, poured.bytes / 1_024);
  const over = poured.bytes > MOST_POURED_BYTES ? [`${name}: ${poured.bytes} bytes left n8n`] : [];
  mustHold("an answer is cut at its limits", over);
  mustHold("an answer over its limits fails at once", await onceProblems(trial, failed));
  await checkExcerpts(trial, [...failed.keys()]);
}
