import { describe, expect, test } from "vitest";
import { variantOf } from "./rig/workflow.ts";
import { echo } from "./rig/model-server.ts";
import { useN8n } from "./rig/world.ts";

/** Answers what the visitor says, if it is JSON, and fails else. */
const SAYS_JSON = { "Your answer": { parameters: { mode: "raw", jsonOutput: "={{ $json.chatInput }}", options: {} } } };

const world = useN8n({
  workflows: [
    variantOf("answer-in-response.json", "answer-off"),
    variantOf("answer-in-response.json", "answer-json", SAYS_JSON),
  ],
});

async function setActive(active: boolean): Promise<void> {
  const { owner } = world().n8n;
  await owner.setActive("answer-off", active);
  await owner.untilActive("answer-off", active);
}

describe("a workflow that was taken back (404)", () => {
  test("messages fail after their attempts, and are answered in order when it is active and they are replayed", async () => {
    await setActive(false);
    await world().relayTo("answer-off");
    const chat = await world().chat();
    const first = await chat.send("one");
    const second = await chat.send("two");
    await chat.told(second.message.id, "failed");
    const { attempts } = await world().operator.delivery(first.message.id);
    expect(attempts).toMatchObject(Array.from({ length: 3 }, () => ({ httpStatus: 404 })));
    expect(attempts.at(-1)).toMatchObject({ outcome: "failed", error: expect.stringContaining("is not registered") });
    await setActive(true);
    expect(await world().operator.replayAll("failed")).toEqual({ matched: 2, replayed: 2 });
    await chat.answer(second);
    expect(chat.said()).toEqual(["You said: one", "You said: two"]);
  });

  test("with more attempts, one that is active again in time is answered without an operator", async () => {
    await setActive(false);
    await world().relayTo("answer-off", { CHAT_QUEUE_MAX_ATTEMPTS: "12" });
    const chat = await world().chat();
    const asked = await chat.send("one");
    await chat.told(asked.message.id, "queued");
    await setActive(true);
    const { reply } = await chat.answer(asked);
    expect(reply.content).toBe("You said: one");
  });
});

describe("a workflow that fails", () => {
  test("(500) is called three times for the message; the session's next one goes on", async () => {
    await world().relayTo("answer-json");
    const chat = await world().chat();
    const boom = await chat.send("boom");
    const fine = await chat.send('{"output": "fine"}');
    const { reply } = await chat.answer(fine);
    expect(reply.content).toBe("fine");
    expect(chat.statusesWithAttempts(boom.message.id)).toEqual(["queued 1", "queued 2", "failed 3"]);
    const { attempts } = await world().operator.delivery(boom.message.id);
    expect(attempts.map(({ httpStatus }) => httpStatus)).toEqual([500, 500, 500]);
  });

  test("in mid-answer has its words taken back, and is called again", async () => {
    const { model } = world();
    await world().relayTo("chat-relay-stream", { CHAT_QUEUE_BACKOFF_MS: "2000" });
    const chat = await world().chat();
    model.speakWith(async function* () {
      yield "Half an ";
      await new Promise((resolve) => setTimeout(resolve, 500));
      throw new Error("the model went away");
    });
    const asked = await chat.send("Hello");
    await chat.untilShown(asked, "Half an ");
    await chat.told(asked.message.id, "queued");
    expect(chat.shown(asked.message.id)).toBe("");
    model.speakWith(echo);
    const { reply } = await chat.answer(asked);
    expect(reply.content).toBe("You said: Hello");
    expect(chat.said()).toEqual(["You said: Hello"]);
  });
});
