/** The bus cannot be reached or did not confirm in time. The outbox still holds what was to be published. */
export class BusUnavailableError extends Error {
  override readonly name = "BusUnavailableError";
  /** For the log: where it was thrown says nothing. */
  readonly isOutage = true;
}

/** The server, or what is provisioned on it, cannot serve chat-relay: a person has to act. */
export class BusRefusedError extends Error {
  override readonly name = "BusRefusedError";
  /** For the process that ends by it: EX_CONFIG, since a restart cannot help. */
  readonly exitCode = 78;
}
