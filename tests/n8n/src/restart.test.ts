import { waitFor } from "@chat-relay/testkit/wait-for";
import { expect, test } from "vitest";
import { writeFigure } from "./rig/figures.ts";
import { useN8n } from "./rig/world.ts";

const world = useN8n();

const CONCURRENCY = 4;
const VISITORS = 16;
const ALL = VISITORS * 3;
const THINKING_MS = 300;

const tell = (attempts: readonly { error: string | null }[]) => attempts.map(({ error }) => error ?? "ok").join("; ");

test.each(["SIGKILL", "SIGTERM"] as const)(
  "n8n restarted under load (%s): its messages wait, and come back to it a few at a time",
  async (signal) => {
    const { n8n, model } = world();
    await world().relayTo("chat-relay-stream", { CHAT_DISPATCH_CONCURRENCY: String(CONCURRENCY) });
    model.calls.length = 0;
    model.speakWith(async function* ({ prompt }) {
      await new Promise((resolve) => setTimeout(resolve, THINKING_MS));
      yield `You said: ${prompt}`;
    });
    const chats = await Promise.all(Array.from({ length: VISITORS }, () => world().chat()));
    const answers = () => chats.reduce((sum, chat) => sum + chat.said().length, 0);
    for (const number of [1, 2]) for (const chat of chats) await chat.send(`Message ${number}`);
    await waitFor("the first answers", () => answers() > CONCURRENCY, 60_000);
    await n8n.end(signal);
    for (const chat of chats) await chat.send("Message 3");
    await world().operator.untilBreakerOpen();
    const before = { answers: answers(), calls: model.calls.length };
    n8n.spawn();
    await n8n.ready();
    const readyAtMs = performance.now();
    await waitFor("all answers", () => answers() >= ALL, 180_000);
    const tookMs = performance.now() - readyAtMs;

    const expected = [1, 2, 3].map((number) => `You said: Message ${number}`);
    for (const chat of chats) expect(chat.said()).toEqual(expected);
    const deliveries = await world().operator.deliveries();
    for (const { attempts } of deliveries.filter(({ attempts }) => attempts.length > 2))
      writeFigure(`n8n restarted under load (${signal}), a message with ${attempts.length} attempts`, tell(attempts));
    const failed = deliveries.flatMap(({ attempts }) => attempts.slice(0, -1).map(({ error }) => error));
    for (const error of failed) expect(error).toContain("the connection broke");
    // Those that were under way, and those that took their places while n8n's port was still open.
    expect(failed.length).toBeLessThanOrEqual(2 * CONCURRENCY);
    const openAtStart = model.calls.map((call) => call.openAtStart);
    expect(Math.max(...openAtStart)).toBeLessThanOrEqual(CONCURRENCY);
    expect(openAtStart[before.calls]).toBe(1);
    const waited = `${ALL - before.answers} messages waited, answered within ${(tookMs / 1_000).toFixed(1)} s`;
    writeFigure(`n8n restarted under load (${signal})`, `${waited}; ${failed.length} calls were cut and made again`);
    await n8n.served();
  },
  480_000,
);
