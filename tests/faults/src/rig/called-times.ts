import { messageIdOf } from "./bot.ts";
import type { Trial } from "./fault-case.ts";
import { mustHold } from "./violation.ts";

/** Each message must have been called so many times, all in all. */
export function mustBeCalled({ load, calls }: Trial, times: number): void {
  const problems = load.accepted.flatMap(({ message }) => {
    const count = calls.filter((call) => messageIdOf(call) === message.id).length;
    return count === times ? [] : [`message ${message.sequence} was called ${count} times, not ${times}`];
  });
  mustHold("n8n is called as often as needed and not more", problems);
}
