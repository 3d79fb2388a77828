/** A start that cannot go on, for a reason that the user can mend: shown as one line, without a stack. */
export class StartRefusal extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.name = "StartRefusal";
    this.exitCode = exitCode;
  }
}
