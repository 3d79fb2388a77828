/** What is kept alive. */
interface Beating {
  heartbeat(): void;
}

const SLOTS = 15;

/** Beats each stream once in an interval, at a moment of its own: not all of them at once. */
export class Heartbeat {
  #intervalMs: number;
  #slots = Array.from({ length: SLOTS }, () => new Set<Beating>());
  #slotOf = new Map<Beating, Set<Beating>>();
  #timer: NodeJS.Timeout | undefined;
  #turn = 0;

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  add(stream: Beating): void {
    const slot = this.#slots[Math.floor(Math.random() * SLOTS)] as Set<Beating>;
    slot.add(stream);
    this.#slotOf.set(stream, slot);
    this.#timer ??= setInterval(() => this.#beat(), this.#intervalMs / SLOTS);
  }

  delete(stream: Beating): void {
    this.#slotOf.get(stream)?.delete(stream);
    this.#slotOf.delete(stream);
    if (this.#slotOf.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #beat(): void {
    this.#turn = (this.#turn + 1) % SLOTS;
    for (const stream of this.#slots[this.#turn] ?? []) stream.heartbeat();
  }
}
