/** As near to the end as this counts as being there. */
const NEAR_PX = 48;

/**
 * Keeps the reader's place: at the end of the conversation whatever is added there, and anywhere else just where it is.
 * Only the reader leaves the end, by scrolling up.
 */
export class ScrollKeeper {
  #scroller: HTMLElement;
  #content: HTMLElement;
  #onMove: (isAtEnd: boolean) => void;
  #isAtEnd = true;
  #top = 0;

  constructor(scroller: HTMLElement, content: HTMLElement, onMove: (isAtEnd: boolean) => void) {
    this.#scroller = scroller;
    this.#content = content;
    this.#onMove = onMove;
    scroller.addEventListener("scroll", () => this.#look(), { passive: true });
    // Text grows, code and fonts arrive, the keyboard comes up: the end stays in sight.
    const observer = new ResizeObserver(() => this.#hold());
    observer.observe(content);
    observer.observe(scroller);
  }

  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** Goes to the end, and stays there. */
  goToEnd(): void {
    this.#setAtEnd(true);
    this.#hold();
  }

  /** Changes the content. What the reader sees stays where it is, also when something is put above it. */
  keep(change: () => void): void {
    if (this.#isAtEnd) {
      change();
      return this.#hold();
    }
    const anchor = this.#firstInSight();
    const before = anchor?.getBoundingClientRect().top ?? 0;
    change();
    const moved = (anchor?.getBoundingClientRect().top ?? 0) - before;
    if (moved !== 0) this.#scroller.scrollTop += moved;
  }

  #firstInSight(): Element | undefined {
    const { top } = this.#scroller.getBoundingClientRect();
    // Not the name of a day: it moves up when earlier messages of that day come.
    const messages = [...this.#content.querySelectorAll(".item")];
    return messages.find((message) => message.getBoundingClientRect().bottom > top);
  }

  #hold(): void {
    if (this.#isAtEnd) this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  #look(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    const isNear = scrollHeight - scrollTop - clientHeight < NEAR_PX;
    if (isNear) this.#setAtEnd(true);
    else if (scrollTop < this.#top) this.#setAtEnd(false);
    this.#top = scrollTop;
  }

  #setAtEnd(isAtEnd: boolean): void {
    if (isAtEnd === this.#isAtEnd) return;
    this.#isAtEnd = isAtEnd;
    this.#onMove(isAtEnd);
  }
}
