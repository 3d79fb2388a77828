import type { ReplyDelta } from "@chat-relay/core/reply-pieces";
import type { AnswerForm } from "./answer-form.ts";

const NODE = "chat-relay";
/** What is shown cannot be taken back. */
const BROKEN_OFF = "\n\n*(This answer broke off.)*";

/** A reply: where its text stands, and how much of it the widget shows, in which of its runs. */
interface Block {
  text: string;
  shown: string;
  run: number;
}

/**
 * n8n's lines, by which the widget shows an answer while it is written. It can only append: text that was withdrawn is left
 * alone until it is known what comes in its place. When that goes on from what is shown, it does; else what is shown is marked
 * as broken off, and the text begins anew in a run of its own, which the widget shows as another message.
 */
class StreamedAnswer implements AnswerForm {
  readonly contentType = "text/plain; charset=utf-8";
  #blocks = new Map<number, Block>();
  #runs = 0;

  keepAlive(): string {
    return '{"type":"keepalive"}\n';
  }

  show(deltas: readonly ReplyDelta[]): string {
    return deltas.map(({ block, offset, content }) => this.#applyPiece(this.#block(block), offset, content)).join("");
  }

  finish(replies: readonly string[]): string {
    const ends = replies.map((text, index) => this.#conclude(this.#block(index), text));
    return ends.join("") + this.#breakOff();
  }

  fail(reason: string): string {
    return this.#breakOff() + line("error", this.#newRun(), reason);
  }

  #block(index: number): Block {
    const block = this.#blocks.get(index) ?? { text: "", shown: "", run: 0 };
    this.#blocks.set(index, block);
    return block;
  }

  #newRun(): number {
    this.#runs += 1;
    return this.#runs - 1;
  }

  #applyPiece(block: Block, offset: number, content: string): string {
    block.text = block.text.slice(0, offset) + content;
    // Shorter than what is shown, and no other: it may yet become the same again.
    return block.shown.startsWith(block.text) ? "" : this.#append(block);
  }

  #append(block: Block): string {
    if (block.shown !== "" && block.text.startsWith(block.shown)) return this.#item(block);
    const broken = block.shown === "" ? "" : this.#endBroken(block);
    block.run = this.#newRun();
    return broken + line("begin", block.run) + this.#item(block);
  }

  #item(block: Block): string {
    const rest = block.text.slice(block.shown.length);
    block.shown = block.text;
    return line("item", block.run, rest);
  }

  #endBroken(block: Block): string {
    block.shown = "";
    return line("item", block.run, BROKEN_OFF) + line("end", block.run);
  }

  /** Shows all of the reply and ends it. */
  #conclude(block: Block, reply: string): string {
    block.text = reply;
    const rest = block.shown === reply ? "" : this.#append(block);
    block.shown = "";
    block.text = "";
    return rest + line("end", block.run);
  }

  #breakOff(): string {
    const open = [...this.#blocks.values()].filter(({ shown }) => shown !== "");
    return open.map((block) => this.#endBroken(block)).join("");
  }
}

function line(type: "begin" | "item" | "end" | "error", runIndex: number, content?: string): string {
  const metadata = { nodeId: NODE, nodeName: NODE, itemIndex: 0, runIndex, timestamp: Date.now() };
  return `${JSON.stringify({ type, content, metadata })}\n`;
}

/** An answer in n8n's lines. */
export function streamedAnswer(): AnswerForm {
  return new StreamedAnswer();
}
