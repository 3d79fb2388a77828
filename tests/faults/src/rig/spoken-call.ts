import type { FakeCall, FakeN8n } from "@chat-relay/testkit/fake-n8n";
import { waitFor } from "@chat-relay/testkit/wait-for";
import type { ServerResponse } from "node:http";
import { messageIdOf } from "./bot.ts";
import { n8nLine } from "./n8n-lines.ts";
import { attemptOf } from "./n8n-script.ts";

/** A call that n8n answers by its stream, as the case has it speak. */
export class SpokenCall {
  readonly call: FakeCall;
  /** Everything, of whichever block. */
  said = "";
  #response: ServerResponse;
  #begun = new Set<number>();

  constructor(call: FakeCall, response: ServerResponse) {
    this.call = call;
    this.#response = response;
    response.on("error", () => undefined); // whoever called has gone
    response.writeHead(200, { "content-type": "application/json; charset=utf-8" });
    response.flushHeaders();
  }

  /** Goes on with the text of a block. */
  say(content: string, block = 0): void {
    if (!this.#begun.has(block)) this.#write(n8nLine({ type: "begin", block }));
    this.#begun.add(block);
    this.said += content;
    this.#write(n8nLine({ type: "item", content, block }));
  }

  /** The workflow fails, behind all that it has said. */
  fail(): void {
    this.#write(n8nLine({ type: "error" }));
    this.#response.end();
  }

  /** The answer is complete. */
  finish(): void {
    for (const block of this.#begun) this.#write(n8nLine({ type: "end", block }));
    this.#response.end();
  }

  breakOff(): void {
    this.#response.destroy();
  }

  #write(line: string): void {
    if (!this.#response.destroyed) this.#response.write(line);
  }
}

/** From now on the case speaks for n8n; returns the way to a call, once it has come. */
export function speakForN8n(n8n: FakeN8n): (messageId: string, attempt?: number) => Promise<SpokenCall> {
  const spoken: SpokenCall[] = [];
  n8n.answerWith((call, response) => void spoken.push(new SpokenCall(call, response)));
  const isOf = ({ call }: SpokenCall, messageId: string, attempt: number) =>
    messageIdOf(call) === messageId && attemptOf(call) === attempt;
  return (messageId, attempt = 1) =>
    waitFor(
      `attempt ${attempt} of ${messageId}`,
      () => spoken.findLast((one) => isOf(one, messageId, attempt)),
      30_000,
    );
}
