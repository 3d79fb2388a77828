/** Something that must hold did not. The positive controls wait for the name of the invariant. */
export class Violation extends Error {
  override readonly name = "Violation";
  readonly invariant: string;

  constructor(invariant: string, problems: readonly string[]) {
    super(`${invariant}: ${problems.length} times, such as ${problems.slice(0, 5).join("; ")}`);
    this.invariant = invariant;
  }
}

/** Throws when there is a problem. */
export function mustHold(invariant: string, problems: readonly string[]): void {
  if (problems.length > 0) throw new Violation(invariant, problems);
}
