import type { StreamingReply } from "./snapshot.ts";
import type { ReplyDelta } from "./wire.ts";

/** The replies that are being written, as far as they were told. */
export class StreamingReplies {
  /** The text of each block, by the message that is answered. */
  #replies = new Map<string, string[]>();
  #list: readonly StreamingReply[] | null = null;

  /** Those with text; the same array until something changes. */
  get list(): readonly StreamingReply[] {
    this.#list ??= [...this.#replies]
      .map(([replyTo, blocks]) => ({ replyTo, blocks: Array.from(blocks, (text) => text ?? "") }))
      .filter(({ blocks }) => blocks.some((text) => text !== ""));
    return this.#list;
  }

  /**
   * Takes a piece. One that lies beyond the known text is left out, since text with a hole must not be shown: it is what
   * is left over of a reply that is finished, and whoever missed something is told the whole text.
   */
  take({ replyTo, block, offset, content }: ReplyDelta): void {
    const blocks = this.#replies.get(replyTo) ?? [];
    const text = blocks[block] ?? "";
    if (offset > text.length) return;
    blocks[block] = text.slice(0, offset) + content;
    this.#replies.set(replyTo, blocks);
    this.#list = null;
  }

  /** The reply to this message is there, or will not come of this attempt. */
  finish(replyTo: string): void {
    if (this.#replies.delete(replyTo)) this.#list = null;
  }

  clear(): void {
    this.#replies.clear();
    this.#list = null;
  }
}
