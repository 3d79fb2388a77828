import { describe, expect, test } from "vitest";
import { writeFigure } from "./rig/figures.ts";
import { echo } from "./rig/model-server.ts";
import { variantOf } from "./rig/workflow.ts";
import { useN8n } from "./rig/world.ts";

const wait = (seconds: number) => ({ "Slow work": { parameters: { amount: seconds, unit: "seconds" } } });

const world = useN8n({
  workflows: [
    variantOf("callback-later.json", "callback-killed", wait(5)),
    variantOf("callback-later.json", "callback-kept", wait(66)),
  ],
});

const RESTART_MS = 300_000;
/** The breaker may have 30 s to its next try when n8n is ready. */
const PATIENCE = { withinMs: 120_000 };

describe("n8n killed", () => {
  test(
    "in mid-answer: what was shown is taken back, and the message is answered when n8n is back",
    async () => {
      const { n8n, model } = world();
      await world().relayTo("chat-relay-stream");
      const chat = await world().chat();
      const gate = Promise.withResolvers<void>();
      model.speakWith(async function* () {
        yield "Wrong start";
        await gate.promise;
      });
      const asked = await chat.send("Hello");
      await chat.untilShown(asked, "Wrong start");
      await n8n.end("SIGKILL");
      gate.resolve();
      model.speakWith(echo);
      await chat.untilShown(asked, "");
      await world().operator.untilBreakerOpen();
      n8n.spawn();
      await n8n.ready();
      const readyAtMs = performance.now();
      const { reply } = await chat.answer(asked, PATIENCE);
      const tookMs = performance.now() - readyAtMs;
      writeFigure("n8n killed in mid-answer: from its being ready again to the reply", `${tookMs.toFixed(0)} ms`);
      expect(reply.content).toBe("You said: Hello");
      expect(chat.said()).toEqual(["You said: Hello"]);
      // What n8n says while it starts has spent no attempt.
      expect(chat.statusesWithAttempts(asked.message.id)).toEqual(["queued 1", "answered 2"]);
      await n8n.served();
    },
    RESTART_MS,
  );

  test(
    "after its 200: the message is unanswered, and an operator's replay gets it answered",
    async () => {
      const { n8n } = world();
      await world().relayTo("callback-killed", { CHAT_REPLY_TIMEOUT_MS: "15000" });
      const chat = await world().chat();
      const asked = await chat.send("Hello");
      await chat.told(asked.message.id, "delivered");
      await n8n.end("SIGKILL");
      await chat.told(asked.message.id, "unanswered");
      await n8n.start();
      await n8n.owner.untilExecutions("callback-killed", "crashed");
      await world().operator.replay(asked.message.id);
      const { reply } = await chat.answer(asked);
      expect(reply.content).toBe("Done: Hello");
      await chat.told(asked.message.id, "answered");
      expect(chat.said()).toEqual(["Done: Hello"]);
      expect(chat.statuses(asked.message.id)).toEqual(["delivered", "unanswered", "queued", "delivered", "answered"]);
    },
    RESTART_MS,
  );

  test(
    "during a wait of more than 65 seconds: n8n takes it up again, and the callback comes",
    async () => {
      const { n8n } = world();
      await world().relayTo("callback-kept");
      const chat = await world().chat();
      const asked = await chat.send("Hello");
      await chat.told(asked.message.id, "delivered");
      await n8n.owner.untilExecutions("callback-kept", "waiting");
      await n8n.end("SIGKILL");
      await n8n.start();
      const { reply } = await chat.answer(asked, { withinMs: 180_000 });
      expect(reply.content).toBe("Done: Hello");
      expect(chat.statusesWithAttempts(asked.message.id)).toEqual(["delivered 1", "answered 1"]);
    },
    RESTART_MS + 120_000,
  );
});
