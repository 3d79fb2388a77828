import type { Edit } from "./edits.ts";

const DELIVER = "apps/dispatcher/src/deliver-message.ts";

/** A message that says so meets the bug, at every attempt; all others do not. */
export const THROWS = { beforeTheCall: "throws before the call", atTheAnswer: "throws at the answer" } as const;

function throwing(words: string): string {
  return `  if (claim.message.content.includes(${JSON.stringify(words)})) throw new TypeError("a bug");\n`;
}

/** Faults of the product's own that services can be started with. */
export const BUGS = {
  "a dispatcher throws after its claim": [
    {
      file: DELIVER,
      from: "  const body = webhookBody(claim.message);\n",
      to: `${throwing(THROWS.beforeTheCall)}  const body = webhookBody(claim.message);\n`,
    },
    {
      file: DELIVER,
      from: "  context.onCalled(result);\n",
      to: `  context.onCalled(result);\n${throwing(THROWS.atTheAnswer)}`,
    },
  ],
} satisfies Record<string, Edit[]>;

export type Bug = keyof typeof BUGS;
