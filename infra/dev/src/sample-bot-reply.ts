/** What the sample bot does with a message. */
export type BotDecision =
  /** The answer is streamed in the response; `slowly` leaves time to look at it. */
  | { kind: "stream"; text: string; slowly?: boolean }
  /** The answer comes by signed callback. */
  | { kind: "later"; text: string }
  | { kind: "fail" };

const HELP = [
  "I am the sample bot that stands in for an n8n workflow. I stream my answers, as an AI Agent does.",
  "",
  "- any text: I repeat it",
  "- `/long`: a long answer, with all that markdown can do",
  "- `/slow`: the same, slowly: reload the page meanwhile, or stop a service",
  "- `/later` (or a text with the word later): I answer by a signed callback, a few seconds after",
  "- `/fail`: I answer with an error, so that you can watch the retries",
  "- `/help`: this list",
].join("\n");

const LONG = [
  "## How a message travels",
  "",
  "You wrote it in the browser, and it was **safe** before you saw it as sent: it was committed to PostgreSQL first.",
  "",
  "What happened then:",
  "",
  "1. The *gateway* published a work token on NATS JetStream.",
  "2. The *dispatcher* claimed your message and called me, an n8n workflow as far as it knows.",
  "3. I answer word by word; each word is shown as it comes and kept in a live log for those who come later.",
  "",
  "| if this dies | what happens |",
  "| --- | --- |",
  "| the browser | it comes back and resumes where it was |",
  "| a gateway | the browser goes on at another one |",
  "| the dispatcher | another one takes the message over |",
  "",
  "A workflow checks that a message is genuine before it believes a word of it:",
  "",
  "```js",
  "const signed = `${id}.${timestamp}.${body}`;",
  'const expected = createHmac("sha256", secret).update(signed).digest("base64");',
  "```",
  "",
  "> Whatever is killed in between, you see this answer once.",
  "",
  "The signatures are those of [Standard Webhooks](https://www.standardwebhooks.com). Try `/help` for what else I can do.",
].join("\n");

/** Decides by the text alone, so that a message which is delivered twice is answered twice in the same way. */
export function decideReply(text: string): BotDecision {
  const command = /^\/\w+/.exec(text.trim())?.[0].toLowerCase();
  if (command === "/help") return { kind: "stream", text: HELP };
  if (command === "/long") return { kind: "stream", text: LONG };
  if (command === "/slow") return { kind: "stream", text: LONG, slowly: true };
  if (command === "/fail") return { kind: "fail" };
  if (command === "/later" || /\blater\b/i.test(text))
    return { kind: "later", text: `As promised, a little later. You said: ${text}` };
  return { kind: "stream", text: `You said: ${text}` };
}
