import { setTimeout as delay } from "node:timers/promises";
import { streamAnswers } from "@chat-relay/testkit/streamed-answer";
import { waitFor } from "@chat-relay/testkit/wait-for";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { useBrowser } from "./use-browser.ts";

const PIECES = 300;
const BETWEEN_MS = 50;
/** What the bot says: the time at which it says it. */
const SPOKEN_TIME = /t(\d{13})/g;

const world = useBrowser();

/** Notes in the page when each spoken time is read from the live stream, and when it is on the screen. */
async function noteArrivals(page: Page): Promise<() => Promise<{ read: number[]; shown: number[] }>> {
  await page.addInitScript((source: string) => {
    const delays = { read: [] as number[], shown: [] as number[] };
    const note = (list: number[], text: string): void => {
      const times = [...text.matchAll(new RegExp(source, "g"))].map(([, time]) => Number(time));
      for (const time of times.slice(list.length)) list.push(Date.now() - time);
    };
    const fetchAsBefore = window.fetch;
    window.fetch = async (...args) => {
      const response = await fetchAsBefore(...args);
      if (response.body === null || !response.headers.get("content-type")?.startsWith("text/event-stream"))
        return response;
      let text = "";
      const decoder = new TextDecoder();
      const listening = new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          text += decoder.decode(chunk, { stream: true });
          note(delays.read, text);
          controller.enqueue(chunk);
        },
      });
      return new Response(response.body.pipeThrough(listening), response);
    };
    const watch = (root: ShadowRoot): void => {
      const look = (): void => note(delays.shown, root.querySelector("ol > li:last-child")?.textContent ?? "");
      new MutationObserver(look).observe(root, { childList: true, characterData: true, subtree: true });
    };
    Object.assign(window, { delays, watch });
  }, SPOKEN_TIME.source);
  return () => page.evaluate(() => Reflect.get(window, "delays"));
}

function figures(delays: readonly number[]): string {
  const sorted = delays.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
  return `median ${at(0.5)} ms, p99 ${at(0.99)} ms`;
}

test("every piece reaches the browser; how long it takes is printed", async () => {
  const next = streamAnswers(world().stack.n8n);
  const chat = await world().visit(await world().visitor());
  const arrivals = await noteArrivals(chat.page);
  await chat.page.reload();
  await chat.open();
  await chat.page.locator("chat-relay").evaluate((element) => Reflect.get(window, "watch")(element.shadowRoot));
  await chat.send("What time is it?");
  const answer = await next();
  answer.say("It is ");
  await chat.entry("Assistant: It is").waitFor();
  for (let piece = 0; piece < PIECES; piece += 1) {
    answer.say(`t${Date.now()} `);
    await delay(BETWEEN_MS);
  }
  const { read, shown } = await waitFor("all pieces", async () => {
    const all = await arrivals();
    return all.read.length >= PIECES && all.shown.length >= PIECES && all;
  });
  process.stdout.write(`\n from n8n's piece to the browser's event: ${figures(read.slice(0, PIECES))}`);
  process.stdout.write(`\n from n8n's piece to the visitor's screen: ${figures(shown)}\n`);
  expect(shown).toHaveLength(PIECES);
});
