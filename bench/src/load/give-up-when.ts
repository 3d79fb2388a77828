import type { Visitor } from "./visitor.ts";

/** Gives up whatever is unanswered when the signal fires. */
export function giveUpWhen(signal: AbortSignal, visitors: Visitor[]): Disposable {
  const giveUp = (): void => {
    for (const visitor of visitors) visitor.giveUp();
  };
  signal.addEventListener("abort", giveUp);
  return { [Symbol.dispose]: () => signal.removeEventListener("abort", giveUp) };
}
