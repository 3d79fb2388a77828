import { waitFor } from "@chat-relay/testkit/wait-for";
import { describe, expect, test } from "vitest";
import { writeFigure } from "./rig/figures.ts";
import { nodeOf, readWorkflow, variantOf } from "./rig/workflow.ts";
import { useN8n } from "./rig/world.ts";

const WORKS_8_S = { "Slow work": { parameters: { amount: 8, unit: "seconds" } } };

/** The callback's `webhook-id` made of the execution in the place of the message. */
function idOfEachRun() {
  const { parameters } = structuredClone(nodeOf(readWorkflow("callback-later.json"), "Reply"));
  const { assignments } = parameters["assignments"] as { assignments: { id: string; value: string }[] };
  for (const assignment of assignments) if (assignment.id === "id") assignment.value = "=reply-{{ $execution.id }}";
  return { Reply: { parameters } };
}

const world = useN8n({
  workflows: [
    variantOf("callback-later.json", "callback-slow", WORKS_8_S),
    variantOf("callback-later.json", "callback-twice", WORKS_8_S),
    variantOf("callback-later.json", "callback-own-ids", { ...WORKS_8_S, ...idOfEachRun() }),
  ],
});

/** The model says nothing for so long. */
function thinkFor(thinkingMs: number): void {
  world().model.speakWith(async function* ({ prompt }) {
    await new Promise((resolve) => setTimeout(resolve, thinkingMs));
    yield `You said: ${prompt}`;
  });
}

describe("a workflow that takes longer than CHAT_WEBHOOK_TIMEOUT_MS", () => {
  test("in the response: is called three times, runs three times to its end, and the message fails", async () => {
    const { model } = world();
    await world().relayTo("chat-relay-stream", { CHAT_WEBHOOK_TIMEOUT_MS: "5000" });
    thinkFor(8_000);
    const chat = await world().chat();
    model.calls.length = 0;
    const asked = await chat.send("Hello");
    await chat.told(asked.message.id, "failed");
    const { attempts } = await world().operator.delivery(asked.message.id);
    expect(attempts.map(({ error }) => error)).toEqual(Array(3).fill("n8n did not finish its answer in time"));
    await waitFor("the last run to end", () => model.open === 0);
    expect(model.calls).toHaveLength(3); // n8n does not notice that nobody waits any more
    expect(chat.said()).toEqual([]);
  });

  test("by callback: runs once, and the message is answered", async () => {
    await world().relayTo("callback-slow", { CHAT_WEBHOOK_TIMEOUT_MS: "5000" });
    const chat = await world().chat();
    const asked = await chat.send("Hello");
    const { reply, finishedMs } = await chat.answer(asked);
    expect(reply.content).toBe("Done: Hello");
    expect(finishedMs).toBeGreaterThan(8_000);
    await chat.told(asked.message.id, "answered");
    expect(chat.statusesWithAttempts(asked.message.id)).toEqual(["delivered 1", "answered 1"]);
  });
});

test.each([
  ["its reply shown once", "callback-twice", ["Done: Hello", "Done: Another"]],
  // So that it is the id which does it.
  [
    "it shown twice where each run gives it another id",
    "callback-own-ids",
    ["Done: Hello", "Done: Hello", "Done: Another"],
  ],
])("a workflow that runs twice, since it was replayed while it ran, has %s", async (_what, path, said) => {
  await world().relayTo(path, { CHAT_REPLY_TIMEOUT_MS: "2000" });
  const chat = await world().chat();
  const asked = await chat.send("Hello");
  await chat.told(asked.message.id, "unanswered");
  await world().operator.replay(asked.message.id);
  await world().n8n.owner.untilExecutions(path, "success", "success");
  await chat.answer(asked);
  await chat.ask("Another", { withinMs: 30_000 });
  expect(chat.said()).toEqual(said);
});

test("a workflow that says nothing for 90 s is waited for, with the default settings", async () => {
  await world().relayTo("chat-relay-stream");
  thinkFor(90_000);
  const chat = await world().chat();
  const asked = await chat.send("Hello");
  const { reply, finishedMs } = await chat.answer(asked, { withinMs: 115_000 });
  expect(reply.content).toBe("You said: Hello");
  expect(chat.statusesWithAttempts(asked.message.id)).toEqual(["answered 1"]);
  writeFigure("a workflow that takes 90 s: from sending to the finished reply", `${(finishedMs / 1_000).toFixed(1)} s`);
}, 180_000);
