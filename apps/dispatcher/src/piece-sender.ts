import type { ReplyPiece, ReplyPieces } from "@chat-relay/core/reply-pieces";

export interface PieceSenderOptions {
  /** What all pieces of this answer have in common. */
  reply: Pick<ReplyPieces, "sessionId" | "replyTo" | "attempt" | "afterSequence">;
  /** Tells this answer's pieces from any other's to the same message: an attempt that was handed back is made again. */
  run: number;
  piecesPerSecond: number;
  /** Largest content of what is sent at once, in UTF-16 units. */
  pieceMaxUnits: number;
  /** Appends to the live log; rejects when that is not certain. */
  publish: (pieces: ReplyPieces) => Promise<void>;
  connected: () => boolean;
  /** Calls back after each (re)connection of the bus; returns the way to stop that. */
  onConnected: (listener: () => void) => () => void;
  /** Pieces are never the truth: what fails is told once, and tried again with the next or a little later. */
  onFailure: (reason: unknown) => void;
}

/** What a piece takes beside its content, in the same measure. */
const PIECE_UNITS = 16;
const RETRY_MS = 500;

interface Block {
  text: string;
  /** How much of it was sent. */
  sent: number;
}

/**
 * Sends the text of a streamed answer on as it comes. The first piece goes at once; those that come sooner than the rate
 * allows are put together. What the live log may have lost is sent again from the beginning.
 */
export class PieceSender {
  #options: PieceSenderOptions;
  #blocks = new Map<number, Block>();
  #timer: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  /** A sending is due: what is appended until then goes with it. */
  #due = false;
  #ended = false;
  #number = 0;
  /** Counts the beginnings from the beginning: a failure is of the present one, or was seen to already. */
  #round = 0;
  #failing = false;
  #stopListening: () => void;

  constructor(options: PieceSenderOptions) {
    this.#options = options;
    this.#stopListening = options.onConnected(() => {
      this.#startOver();
      this.#wake();
    });
  }

  /** Something of this answer may be in the live log. */
  get hasSent(): boolean {
    return this.#number > 0;
  }

  /** The block's text goes on with this. */
  append(block: number, text: string): void {
    const known = this.#blocks.get(block) ?? { text: "", sent: 0 };
    known.text += text;
    this.#blocks.set(block, known);
    this.#wake();
  }

  /** No more is sent: the finished reply, or the failed attempt, says what to show. */
  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#retry);
    this.#stopListening();
  }

  #startOver(): void {
    this.#round += 1;
    for (const block of this.#blocks.values()) block.sent = 0;
  }

  // All that one chunk of the answer says goes together.
  #wake(): void {
    if (this.#due) return;
    this.#due = true;
    queueMicrotask(() => this.#send());
  }

  #send(): void {
    const isWaiting = [...this.#blocks.values()].some(({ sent, text }) => sent < text.length);
    this.#due = !this.#ended && isWaiting && this.#options.connected(); // if not, the reconnection wakes us
    if (!this.#due) return;
    this.#publish(this.#takePieces());
    this.#timer = setTimeout(() => this.#send(), 1_000 / this.#options.piecesPerSecond);
  }

  /** As much of what waits as may be sent at once. */
  #takePieces(): ReplyPiece[] {
    const pieces: ReplyPiece[] = [];
    let room = this.#options.pieceMaxUnits;
    for (const [number, block] of this.#blocks) {
      if (room <= 0) break;
      const content = block.text.slice(block.sent, block.sent + room);
      if (content === "") continue;
      pieces.push({ block: number, offset: block.sent, content });
      block.sent += content.length;
      room -= content.length + PIECE_UNITS;
    }
    return pieces;
  }

  #publish(pieces: ReplyPiece[]): void {
    const { reply, run, publish } = this.#options;
    this.#number += 1;
    const round = this.#round;
    publish({ ...reply, id: `${run}.${this.#number}`, pieces }).then(
      () => (this.#failing = false),
      (reason: unknown) => this.#failed(reason, round),
    );
  }

  // Not at once: what fails without delay would be tried without end.
  #failed(reason: unknown, round: number): void {
    if (this.#ended || round !== this.#round) return;
    this.#startOver();
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#wake(), RETRY_MS);
    if (!this.#failing) this.#options.onFailure(reason);
    this.#failing = true;
  }
}
