import { make } from "./make.ts";

/** So long a text stays where a screen reader may pick it up; then it must not be found a second time. */
const KEPT_MS = 15_000;
/** More of one reply is not read out unasked. */
const SPOKEN_MAX = 3_000;

/**
 * What screen readers say by themselves. A log of its own beside the conversation: the conversation changes with every
 * piece of a streamed reply and with every page of history, and a reply is to be read once, when it is whole.
 */
export class Announcer {
  readonly root = make("div", { role: "log", "aria-live": "polite", "aria-relevant": "additions", class: "unseen" });

  say(text: string): void {
    const line = make("p", {}, text.length > SPOKEN_MAX ? `${text.slice(0, SPOKEN_MAX)}…` : text);
    this.root.append(line);
    setTimeout(() => line.remove(), KEPT_MS);
  }
}
