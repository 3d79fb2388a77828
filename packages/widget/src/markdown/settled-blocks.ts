import type { Token } from "marked";

/** The beginning of a list's next entry reads as a paragraph until its mark is whole. */
const MAY_BE_ENTRY = /^ {0,3}(?:\d{1,9}[.)]?|[-*+])?\s*$/;

const isNoSpace = ({ type }: Token): boolean => type !== "space";

/**
 * How many blocks of a text that is still growing will be read the same whatever follows: all before its last one. That
 * may go on (a list, a paragraph, an open code fence), and so may the white space after it. What may turn out to be the
 * next entry of a list keeps the list open.
 */
export function settledBlocks(blocks: readonly Token[]): number {
  const last = Math.max(blocks.findLastIndex(isNoSpace), 0);
  const before = blocks.slice(0, last).findLastIndex(isNoSpace);
  const goesOn = blocks[before]?.type === "list" && MAY_BE_ENTRY.test(blocks[last]?.raw ?? "");
  return goesOn ? before : last;
}
