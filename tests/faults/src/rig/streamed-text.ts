import type { ChatMessage } from "@chat-relay/core/message";
import type { ReplyDelta } from "@chat-relay/core/reply-pieces";

export interface TextProblem {
  kind: "text" | "over";
  what: string;
}

/** The text of replies under way as a browser puts it together from the pieces that it is told. */
export class StreamedText {
  /** Messages of whose replies a piece was told. */
  readonly toldOf = new Set<string>();
  /** All pieces that were told. */
  readonly pieces: ReplyDelta[] = [];
  #blocks = new Map<string, string[]>();
  /** Blocks of messages whose attempt has come to nothing, as their status says; no piece has said so yet. */
  #doubted = new Map<string, Set<number>>();
  /** What was shown of replies when they were finished. */
  #finished = new Map<string, string[]>();

  /** The blocks of the replies to a message. */
  of(replyTo: string): readonly string[] {
    return this.#blocks.get(replyTo) ?? [];
  }

  /** What is shown may be out of date: all of it is told anew. */
  forget(): void {
    this.#blocks.clear();
  }

  /** The attempt came to nothing. Who reads what was missed is not told in between that its text is withdrawn. */
  doubt(replyTo: string): void {
    this.#doubted.set(replyTo, new Set(this.of(replyTo).keys()));
  }

  /** Returns what is wrong with the piece, if anything is. */
  take(piece: ReplyDelta): TextProblem | undefined {
    const { replyTo, block, offset, content } = piece;
    this.pieces.push(piece);
    this.toldOf.add(replyTo);
    const blocks = this.#blocks.get(replyTo) ?? [];
    const text = blocks[block] ?? "";
    if (offset === 0) this.#doubted.get(replyTo)?.delete(block);
    blocks[block] = text.slice(0, offset) + content;
    this.#blocks.set(replyTo, blocks);
    if (this.#finished.has(replyTo)) return { kind: "over", what: `is answered, and was told text at ${offset}` };
    if (offset > text.length)
      return { kind: "text", what: `was told text at ${offset}, behind ${text.length} characters` };
    return undefined;
  }

  /** A reply to the message has come: it takes the place of the pieces. */
  finish(replyTo: string): void {
    const isDoubted = (block: number) => this.#doubted.get(replyTo)?.has(block) === true;
    const shown = this.of(replyTo).map((text, block) => (isDoubted(block) ? "" : text));
    if (!this.#finished.has(replyTo)) this.#finished.set(replyTo, shown);
    this.#blocks.delete(replyTo);
  }

  /** What is wrong with the text, the history being this. */
  compare(history: readonly ChatMessage[]): TextProblem[] {
    const left = [...this.#blocks].filter(([, blocks]) => blocks.some((text) => text !== ""));
    return [
      ...left.map(([id]): TextProblem => ({ kind: "over", what: `text for ${id} is left without its reply` })),
      ...[...this.#finished].flatMap(([id, blocks]) => {
        const replies = history.filter(({ replyTo }) => replyTo === id);
        const begins = (text: string, block: number) => replies[block]?.content.startsWith(text) ?? text === "";
        return blocks
          .filter((text, block) => !begins(text, block))
          .map((text): TextProblem => ({ kind: "text", what: `the reply to ${id} has other words than "${text}"` }));
      }),
    ];
  }
}
