import type { Run } from "./figures.ts";

/** What a run came to, for the terminal. */
export function summarize({ passed, total, figures, tookSeconds }: Run & { tookSeconds: number }): string {
  return [
    "",
    `chat-relay against n8n`,
    `  tests passed: ${passed} of ${total}`,
    `  time: ${tookSeconds} s`,
    ...figures.map(({ what, value }) => `  ${what}: ${value}`),
    "",
  ].join("\n");
}
