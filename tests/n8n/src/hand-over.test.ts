import { waitFor } from "@chat-relay/testkit/wait-for";
import { afterAll, expect, test } from "vitest";
import { readLetter, startMailServer } from "./rig/mail-server.ts";
import { readWorkflow } from "./rig/workflow.ts";
import { useN8n } from "./rig/world.ts";

const QUESTION = "Is there anybody I can talk to?";
const HOLD_ON = "One moment please, I am asking a colleague.";
const ANSWER = "Yes, me. Viele Grüße 👋";

const mail = await startMailServer();
afterAll(() => mail[Symbol.asyncDispose]());

const data = { host: "127.0.0.1", port: mail.port, secure: false, disableStartTls: true, user: "", password: "" };
const world = useN8n({ credentials: [{ id: "chatRelaySmtp001", name: "SMTP account", type: "smtp", data }] });

/** Fills in the form behind the letter's button. */
async function answerByForm(letter: string, text: string): Promise<void> {
  const [, link = ""] = /href="([^"]+-waiting[^"]+)"/.exec(readLetter(letter)) ?? [];
  const { pathname, search } = new URL(link.replaceAll("&amp;", "&"));
  const form = `${world().n8n.url}${pathname}${search}`;
  const headers = { "user-agent": "Mozilla/5.0 (X11; Linux x64; rv:140.0) Gecko/20100101 Firefox/140.0" };
  const page = await fetch(form, { headers });
  const [, field = ""] = /name=["'](field-\d+)["']/.exec(await page.text()) ?? [];
  const body = new FormData();
  body.set(field, text);
  const answer = await fetch(form, { method: "POST", headers, body });
  if (!answer.ok) throw new Error(`the form was answered ${answer.status}: ${await answer.text()}`);
}

test("hand over to a human: what a colleague writes into the form is the reply, though n8n was killed meanwhile", async () => {
  await world().relayTo("chat-relay-human");
  const chat = await world().chat();
  await chat.ask(QUESTION);
  const letter = await waitFor("the letter", () => mail.letters[0], 60_000);
  expect(readLetter(letter)).toContain(QUESTION);
  await world().n8n.owner.untilExecutions(readWorkflow("hand-over-to-human.json").id, "waiting");
  await world().n8n.end("SIGKILL");
  await world().n8n.start();
  await answerByForm(letter, ANSWER);
  await waitFor("the colleague's words", () => chat.said().length === 2, 60_000);
  expect(chat.said()).toEqual([HOLD_ON, ANSWER]);
  const [question, ...replies] = await chat.visitor.messages();
  for (const { replyTo } of replies) expect(replyTo).toBe(question?.id);
}, 300_000);
