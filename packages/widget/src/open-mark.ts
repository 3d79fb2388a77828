import { readItem, removeItem, writeItem } from "./page-storage.ts";

/** In this tab only: another one, or a later visit, begins with the chat closed. */
const KIND = "sessionStorage";

/** Whether the panel was open when the page was left. */
export function wasOpen(gateway: string): boolean {
  return readItem(nameOf(gateway), KIND) !== null;
}

/** Keeps for the next page whether the panel is open. */
export function markOpen(gateway: string, isOpen: boolean): void {
  if (isOpen) writeItem(nameOf(gateway), "", KIND);
  else removeItem(nameOf(gateway), KIND);
}

function nameOf(gateway: string): string {
  return `chat-relay ${gateway} open`;
}
