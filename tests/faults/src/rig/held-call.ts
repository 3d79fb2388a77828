import { waitFor } from "@chat-relay/testkit/wait-for";
import { callerOf, settledClaims } from "./delivery-watch.ts";
import type { Trial } from "./fault-case.ts";
import { TEXT_CANARY } from "./product-env.ts";

/** Calls wait for `open`, and reply in the response. */
export function holdCalls({ world }: Trial): { open: () => void } {
  const gate = Promise.withResolvers<void>();
  world.n8n.answerWith(async () => {
    await gate.promise;
    return { body: { output: `from a held call ${TEXT_CANARY}` } };
  });
  return { open: gate.resolve };
}

/** A dispatcher in the middle of a call that ends with `open`, and a second message behind it. */
export async function givenHeldCall(trial: Trial) {
  const { load, world, calls, bot } = trial;
  const { open } = holdCalls(trial);
  const [visitor] = await load.open(1);
  if (visitor === undefined) throw new Error("no session");
  await load.send(visitor);
  const holder = callerOf(world, await waitFor("the call", () => calls[0]));
  world.n8n.answerWith(bot.answer);
  await load.send(visitor);
  return { open, holder, before: await settledClaims(holder) };
}
