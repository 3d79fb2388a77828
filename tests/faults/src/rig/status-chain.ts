import type { StatusChange } from "@chat-relay/core/session-events";

type Status = StatusChange["status"];

/** What a message's status may become. */
const NEXT: Record<Status, readonly Status[]> = {
  queued: ["queued", "delivered", "answered", "failed"],
  delivered: ["answered", "unanswered"],
  unanswered: ["answered", "queued"],
  failed: ["answered", "queued"],
  answered: [],
  received: [],
};

/** The statuses of one message, in the order in which a reader is told of them. */
export class StatusChain {
  last: Status = "queued";
  #attempts = 0;

  /** Returns what is wrong with it, if anything is. */
  add({ status, attempts }: StatusChange): string | undefined {
    const before = this.last;
    const attemptsBefore = this.#attempts;
    this.last = status;
    this.#attempts = attempts;
    if (!NEXT[before].includes(status)) return `was told to be ${status} after ${before}`;
    if (attempts < attemptsBefore) return `was told to have ${attempts} attempts after ${attemptsBefore}`;
    return undefined;
  }
}
