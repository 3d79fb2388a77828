/** What the sample bot does with a message. */
export type BotDecision =
  | { kind: "answer"; text: string }
  /** The answer comes by signed callback. */
  | { kind: "later"; text: string }
  | { kind: "fail" };

const HELP = [
  "I am the sample bot that stands in for an n8n workflow.",
  "Any text: I answer in the response to the webhook.",
  "/later (or a text with the word later): I answer by a signed callback, a second after.",
  "/fail: I answer with an error, so that you can watch the retries.",
  "/help: this list.",
].join("\n");

/** Decides by the text alone, so that a message which is delivered twice is answered twice in the same way. */
export function decideReply(text: string): BotDecision {
  const command = /^\/\w+/.exec(text.trim())?.[0].toLowerCase();
  if (command === "/help") return { kind: "answer", text: HELP };
  if (command === "/fail") return { kind: "fail" };
  if (command === "/later" || /\blater\b/i.test(text))
    return { kind: "later", text: `As promised, a little later. You said: ${text}` };
  return { kind: "answer", text: `You said: ${text}` };
}
