const KEPT = 10;

/** The end of what a process printed, to say why it failed. */
export class LastLines {
  readonly #lines: string[] = [];

  add(line: string): void {
    if (line.trim() === "") return;
    this.#lines.push(line);
    if (this.#lines.length > KEPT) this.#lines.shift();
  }

  text(): string {
    return this.#lines.join(" | ");
  }
}
