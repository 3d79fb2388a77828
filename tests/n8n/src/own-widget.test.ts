import { waitFor } from "@chat-relay/testkit/wait-for";
import { expect, test } from "vitest";
import { echo } from "./rig/model-server.ts";
import { OwnWidget } from "./rig/own-widget.ts";
import { nodeOf, readWorkflow, type Workflow } from "./rig/workflow.ts";
import { useN8n } from "./rig/world.ts";

const TRIGGER = "When chat message received";
/** n8n's first run of an agent takes its time on a machine that does other things too. */
const PATIENCE_MS = 60_000;

/** The Chat Trigger's workflow once more, with streaming turned on. */
function streamedCopy(id: string): Workflow {
  const workflow = { ...readWorkflow("chat-trigger.json"), id, name: id };
  const trigger = nodeOf(workflow, TRIGGER);
  Object.assign(trigger, {
    id,
    webhookId: id,
    parameters: { ...trigger.parameters, options: { responseMode: "streaming" } },
  });
  return workflow;
}

const world = useN8n({ workflows: [streamedCopy("chat-streamed")] });

test.each([
  ["off", false, "c4a70004-0000-4000-8000-00000000f001/chat", []],
  ["on", true, "chat-streamed/chat", ["Wrong start\n\n*(This answer broke off.)*"]],
])(
  "n8n's own widget, streaming %s: n8n is killed in mid-answer, and the answer comes all the same",
  async (_what, streamed, path, brokenOff) => {
    const { n8n, model } = world();
    const relay = await world().relayTo(path, { CHAT_N8N_COMPAT: "true" });
    const widget = new OwnWidget(relay.gateway.url, streamed);
    const gate = Promise.withResolvers<void>();
    model.calls.length = 0;
    model.speakWith(async function* () {
      yield "Wrong start";
      await gate.promise;
    });
    const answer = widget.ask("Hello");
    await waitFor("the model to speak", () => model.calls.length === 1, PATIENCE_MS);
    if (streamed) await waitFor("its words to be shown", () => answer.shown.includes("Wrong start"), PATIENCE_MS);
    await n8n.end("SIGKILL");
    gate.resolve();
    model.speakWith(echo);
    await n8n.start();
    await answer.ended;
    expect(answer.shown).toEqual([...brokenOff, "You said: Hello"]);

    const next = widget.ask("And now?");
    await next.ended;
    expect(next.shown).toEqual(["You said: And now?"]);
    expect(model.calls.at(-1)?.said).toEqual(["Hello", "You said: Hello", "And now?"]);
  },
  300_000,
);
