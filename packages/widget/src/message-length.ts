/** The most characters that the gateway takes in one message. */
export const MESSAGE_MAX = 4_000;

/** Unicode code points, as the gateway counts. */
export function messageLength(text: string): number {
  let length = 0;
  for (const _character of text) length += 1;
  return length;
}

/** Whether the gateway would take it. */
export function isSendable(text: string): boolean {
  return /\S/u.test(text) && messageLength(text) <= MESSAGE_MAX;
}
