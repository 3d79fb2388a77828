import type { ReplyDelta, ReplyPiece, ReplyPieces } from "@chat-relay/core/reply-pieces";
import type { SessionEvent } from "@chat-relay/core/session-events";
import type { ReplyState } from "@chat-relay/database/read-reply-states";

interface Block {
  text: string;
  /** Pieces that came before what they go on from. */
  early: ReplyPiece[];
}

interface Reply {
  attempt: number;
  blocks: Map<number, Block>;
  /** Pieces that were seen: the bus may bring one again, and later than those that follow it. */
  seen: Set<string>;
  lastReplySequence: number;
  /** Attempts up to here have come to nothing. */
  failedAttempt: number;
}

function newReply(): Reply {
  return { attempt: 0, blocks: new Map(), seen: new Set(), lastReplySequence: 0, failedAttempt: 0 };
}

/** Replies to one session's messages that are remembered: more are not under way at once. */
const REPLIES_MAX = 100;
const EARLY_MAX = 64;

/** The text so far of the replies that a session's visitor is being shown as they come. Never the truth. */
export class LiveText {
  #replies = new Map<string, Reply>();
  #blockMaxUnits: number;

  /** Text beyond `blockMaxUnits` UTF-16 units in a block is no reply that could ever be stored: it is not shown. */
  constructor(blockMaxUnits: number) {
    this.#blockMaxUnits = blockMaxUnits;
  }

  /** Takes pieces in; returns what to tell readers of them. `gap` says that some must have been missed. */
  take(given: ReplyPieces): { deltas: ReplyDelta[]; gap: boolean } {
    const reply = this.#replyTo(given.replyTo);
    if (!this.#isOfNow(reply, given)) return { deltas: [], gap: false };
    const deltas = given.attempt > reply.attempt ? this.#withdraw(given.replyTo, reply) : [];
    if (given.attempt > reply.attempt) reply.attempt = given.attempt;
    reply.seen.add(given.id);
    for (const piece of given.pieces.filter((one) => this.#mayShow(reply, given.attempt, one)))
      deltas.push(...apply(given.replyTo, reply.blocks, piece));
    return { deltas, gap: hasGap(reply) };
  }

  /** Makes the text anew of all the pieces that there are; where some are missing, what is known stays. */
  rebuild(found: readonly ReplyPieces[]): void {
    for (const replyTo of new Set(found.map((pieces) => pieces.replyTo))) {
      const reply = this.#replyTo(replyTo);
      const { attempt, blocks, seen } = reply;
      const ofReply = found.filter((pieces) => pieces.replyTo === replyTo);
      // Blocks that do not come again are told as withdrawn.
      reply.blocks = new Map([...blocks.keys()].map((block) => [block, { text: "", early: [] }]));
      reply.seen = new Set();
      for (const pieces of ofReply) this.take(pieces);
      if (!hasGap(reply) || reply.attempt > attempt) continue;
      Object.assign(reply, { blocks, seen });
      for (const pieces of ofReply) this.take(pieces);
    }
  }

  /** A committed event puts an end to text; returns what to tell readers who see it. */
  observe(event: SessionEvent): ReplyDelta[] {
    if (event.type === "message") {
      const { replyTo, sequence } = event.data;
      if (replyTo !== null) this.#stored(replyTo, sequence);
      return [];
    }
    const { messageId, status, attempts } = event.data;
    const reply = this.#replies.get(messageId);
    // Answered by it, or by a callback: the message has told so before. In any other state the attempt gave no reply.
    if (status === "answered" || reply === undefined) return [];
    reply.failedAttempt = Math.max(reply.failedAttempt, attempts);
    return reply.attempt > 0 && reply.attempt <= attempts ? this.#withdraw(messageId, reply) : [];
  }

  /** Holds what is known against PostgreSQL; returns what to tell readers of text that turns out to be over. */
  verify(states: readonly ReplyState[]): ReplyDelta[] {
    return states.flatMap(({ messageId, attempts, isUnderWay, lastReplySequence }) => {
      const reply = this.#replyTo(messageId);
      if (lastReplySequence > reply.lastReplySequence) {
        this.#stored(messageId, lastReplySequence);
        return [];
      }
      const failed = isUnderWay ? attempts - 1 : attempts;
      reply.failedAttempt = Math.max(reply.failedAttempt, failed);
      return reply.attempt > 0 && reply.attempt <= failed ? this.#withdraw(messageId, reply) : [];
    });
  }

  /** Messages of which there is text. */
  messageIds(): string[] {
    return [...this.#replies].filter(([, reply]) => reply.blocks.size > 0).map(([messageId]) => messageId);
  }

  /** All of the text, for a reader who comes late; withdrawn text too, which such a reader may still show. */
  whole(): ReplyDelta[] {
    return [...this.#replies].flatMap(([replyTo, { blocks }]) =>
      [...blocks].map(([block, { text }]) => ({ replyTo, block, offset: 0, content: text })),
    );
  }

  #replyTo(messageId: string): Reply {
    const reply = this.#replies.get(messageId) ?? newReply();
    this.#replies.delete(messageId);
    this.#replies.set(messageId, reply); // the latest last
    if (this.#replies.size > REPLIES_MAX) this.#forgetOne();
    return reply;
  }

  /** The oldest without a text, of which only late pieces would be of any use; else the oldest. */
  #forgetOne(): void {
    const [oldest] = this.#replies.keys();
    const idle = [...this.#replies].find(([, { blocks }]) => blocks.size === 0)?.[0];
    this.#replies.delete(idle ?? oldest ?? "");
  }

  // What n8n streams only grows: a piece that is sent again, or comes late, must not cut the text off.
  #mayShow(reply: Reply, attempt: number, { block, offset, content }: ReplyPiece): boolean {
    if (offset + content.length > this.#blockMaxUnits) return false;
    const text = reply.blocks.get(block)?.text ?? "";
    return attempt === 0 || text.length < offset + content.length || !text.startsWith(content, offset);
  }

  #isOfNow(reply: Reply, { id, attempt, afterSequence }: ReplyPieces): boolean {
    if (reply.seen.has(id) || reply.lastReplySequence > afterSequence) return false;
    return attempt === 0 || (attempt > reply.failedAttempt && attempt >= reply.attempt);
  }

  // The finished reply takes the place of its pieces.
  #stored(messageId: string, sequence: number): void {
    const reply = this.#replyTo(messageId);
    reply.lastReplySequence = Math.max(reply.lastReplySequence, sequence);
    reply.blocks.clear();
    reply.seen.clear();
  }

  #withdraw(replyTo: string, reply: Reply): ReplyDelta[] {
    return [...reply.blocks].flatMap(([block, known]) => {
      if (known.text === "") return [];
      known.text = "";
      known.early = [];
      return [{ replyTo, block, offset: 0, content: "" }];
    });
  }
}

/** Pieces were missed. */
function hasGap({ blocks }: Reply): boolean {
  return [...blocks.values()].some(({ early }) => early.length > 0);
}

/** Applies a piece, and those that waited for it, unless the text was sent again meanwhile and has them already. */
function apply(replyTo: string, blocks: Map<number, Block>, piece: ReplyPiece): ReplyDelta[] {
  const block = blocks.get(piece.block) ?? { text: "", early: [] };
  blocks.set(piece.block, block);
  if (piece.offset > block.text.length) {
    if (block.early.length < EARLY_MAX) block.early.push(piece);
    return [];
  }
  const applied: ReplyPiece[] = [];
  for (let next: ReplyPiece | undefined = piece; next !== undefined; next = takeWaiting(block)) {
    block.text = block.text.slice(0, next.offset) + next.content;
    applied.push(next);
  }
  return applied.map((one) => ({ replyTo, ...one }));
}

/** A piece that goes on with the text; those that would only cut it off are dropped. */
function takeWaiting(block: Block): ReplyPiece | undefined {
  const { length } = block.text;
  block.early = block.early.filter(({ offset, content }) => offset + content.length > length);
  const next = block.early.find(({ offset }) => offset <= length);
  block.early = block.early.filter((piece) => piece !== next);
  return next;
}
