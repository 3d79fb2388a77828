import type { ServerResponse } from "node:http";
import type { FakeCall, FakeN8n } from "./fake-n8n.ts";
import { waitFor } from "./wait-for.ts";

/** n8n's streamed answer to one call, written piece by piece by the test. */
export class StreamedAnswer {
  readonly call: FakeCall;
  #response: ServerResponse;
  #begun = new Set<number>();

  constructor(call: FakeCall, response: ServerResponse) {
    this.call = call;
    this.#response = response;
    response.writeHead(200, { "content-type": "application/json; charset=utf-8" });
  }

  /** A block's text goes on with this. */
  say(content: string, block = 0): void {
    if (!this.#begun.has(block)) this.#write(block, { type: "begin" });
    this.#begun.add(block);
    this.#write(block, { type: "item", content });
  }

  /** All is said. */
  end(): void {
    for (const block of this.#begun) this.#write(block, { type: "end" });
    this.#response.end();
  }

  #write(block: number, line: object): void {
    const metadata = { nodeId: `n${block}`, nodeName: "AI Agent", itemIndex: 0, runIndex: 0, timestamp: Date.now() };
    this.#response.write(`${JSON.stringify({ ...line, metadata })}\n`);
  }
}

/** From now on the test writes what n8n answers. Gives the answer to each call, in their order. */
export function streamAnswers(n8n: FakeN8n): () => Promise<StreamedAnswer> {
  const answers: StreamedAnswer[] = [];
  n8n.answerWith((call, response) => void answers.push(new StreamedAnswer(call, response)));
  return () => waitFor("n8n to be called", () => answers.shift());
}
