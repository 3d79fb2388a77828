/** Every time that the client waits for, in one place; tests pass shorter ones. */
export interface Timing {
  /** A request without an answer is given up after this. */
  readonly requestMs: number;
  /** A stream without a byte is given up after this: the gateway sends a comment every 15 s. */
  readonly silenceMs: number;
  /** A stream silent for so long is not trusted when the page comes back into sight. */
  readonly staleMs: number;
  /** A page that is out of sight for so long leaves its stream. */
  readonly awayMs: number;
  /** The first wait after a failure, until the gateway's `retry` says another. */
  readonly retryMs: number;
  readonly retryMaxMs: number;
  /** A stream that lived so long was healthy: the next failure is a first one again. */
  readonly healthyMs: number;
  /** The history is loaded without the stream when that is not ready after this. */
  readonly patienceMs: number;
  /** A send whose message seems to be there already gets so long for its answer, then it is repeated. */
  readonly doubtMs: number;
  /** The end of a session is told to the gateway for no longer than this. */
  readonly farewellMs: number;
}

export const TIMING: Timing = {
  requestMs: 30_000,
  silenceMs: 45_000,
  staleMs: 20_000,
  awayMs: 30_000,
  retryMs: 1_000,
  retryMaxMs: 30_000,
  healthyMs: 5_000,
  patienceMs: 3_000,
  doubtMs: 2_000,
  farewellMs: 5_000,
};
