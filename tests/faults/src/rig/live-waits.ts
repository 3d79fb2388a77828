import { waitFor } from "@chat-relay/testkit/wait-for";
import type { LiveVisitor } from "./live-visitor.ts";
import { LIVE_INVARIANTS } from "./transcript.ts";
import { mustHold, Violation } from "./violation.ts";

/** On a machine that has much else to do. */
const WITHIN_MS = 20_000;

/** Waits until each of them has a stream; throws a `Violation` when one does not get it, or was told not to come back. */
export async function untilLive(visitors: readonly LiveVisitor[], withinMs = WITHIN_MS): Promise<void> {
  const without = () => visitors.filter(({ isReady }) => !isReady);
  const isSent = () => visitors.some(({ transcript }) => transcript.ended);
  await waitFor("streams", () => without().length === 0 || isSent(), withinMs).catch(() => undefined);
  const problems = without().map(({ transcript, refusals }) => {
    return transcript.ended ? "one was told to end" : `one has no stream; before: ${refusals.slice(-5).join()}`;
  });
  mustHold(LIVE_INVARIANTS.open, problems);
}

/** Waits until each of them is shown this of the reply to the message; throws a `Violation` when that does not come. */
export async function untilShown(
  invariant: string,
  visitors: readonly LiveVisitor[],
  messageId: string,
  text: string,
): Promise<void> {
  const others = () => visitors.filter((visitor) => visitor.shownOf(messageId) !== text);
  await waitFor(JSON.stringify(text), () => others().length === 0, WITHIN_MS).catch(() => {
    const seen = others().map((visitor) => JSON.stringify(visitor.shownOf(messageId)));
    throw new Violation(
      invariant,
      seen.length > 0 ? seen.map((shown) => `${shown}, not ${JSON.stringify(text)}`) : ["late"],
    );
  });
}

/** Waits until each of them was told so many messages. */
export async function untilTold(invariant: string, visitors: readonly LiveVisitor[], count: number): Promise<void> {
  const missing = () => visitors.filter(({ transcript }) => transcript.messages.length < count);
  await waitFor(`${count} messages`, () => missing().length === 0, WITHIN_MS).catch(() => {
    throw new Violation(
      invariant,
      missing().map(({ transcript }) => `${transcript.messages.length} of ${count} messages were told`),
    );
  });
}
