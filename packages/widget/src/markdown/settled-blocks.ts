import type { Token } from "marked";

/**
 * How many blocks of a text that is still growing will be read the same whatever follows: all before its last one. That
 * may go on (a list, a paragraph, an open code fence), and so may the white space after it.
 */
export function settledBlocks(blocks: readonly Token[]): number {
  return Math.max(
    blocks.findLastIndex(({ type }) => type !== "space"),
    0,
  );
}
