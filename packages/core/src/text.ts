const REPLACEMENT = "\uFFFD";
const NUL = /\u0000/g;

/** Whether PostgreSQL can store the text: no U+0000 and no lone surrogate. */
export function isStorable(text: string): boolean {
  return !text.includes("\u0000") && text.isWellFormed();
}

/** The text with U+0000 and lone surrogates replaced by U+FFFD: for senders that cannot be asked to send again. */
export function toStorable(text: string): string {
  return isStorable(text) ? text : text.toWellFormed().replace(NUL, REPLACEMENT);
}

/** Length in Unicode code points. */
export function countCodePoints(text: string): number {
  let count = text.length;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    const next = text.charCodeAt(index + 1);
    if (unit >= 0xd800 && unit <= 0xdbff && next >= 0xdc00 && next <= 0xdfff) count -= 1;
  }
  return count;
}

/** At most so many UTF-16 units, never ending in half a surrogate pair. */
export function truncateText(text: string, maxUnits: number): string {
  return text.length <= maxUnits ? text : text.slice(0, maxUnits).toWellFormed();
}
