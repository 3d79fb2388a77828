import type { ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";

export interface StreamPace {
  /** Between two words. */
  wordMs: number;
  /** All of the answer: a long one speaks faster. */
  totalMs: number;
  /** From now on nothing is waited for. */
  hurry: AbortSignal;
}

/** An agent's tokens, more or less: each word with the white space after it. */
function tokens(text: string): string[] {
  return text.match(/\s*\S+\s*/g) ?? [text];
}

function line(type: "begin" | "item" | "end", content?: string): string {
  const metadata = { nodeId: "bot", nodeName: "Sample bot", itemIndex: 0, runIndex: 0, timestamp: Date.now() };
  return `${JSON.stringify({ type, content, metadata })}\n`;
}

/** Answers as a streaming workflow of n8n does: one JSON document a line, and the text word by word. */
export async function streamText(response: ServerResponse, text: string, pace: StreamPace): Promise<void> {
  const words = tokens(text);
  const betweenMs = Math.min(pace.wordMs, pace.totalMs / words.length);
  response.writeHead(200, { "content-type": "application/json; charset=utf-8" });
  response.write(line("begin"));
  for (const word of words) {
    if (response.destroyed) return; // the caller went away
    response.write(line("item", word));
    await delay(betweenMs, undefined, { signal: pace.hurry }).catch(() => undefined);
  }
  response.end(line("end"));
}
