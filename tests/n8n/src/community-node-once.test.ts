import { startFaultProxy } from "@chat-relay/testkit/fault-proxy";
import { afterEach, describe, expect, test } from "vitest";
import type { Chat } from "./rig/chat.ts";
import {
  chainOf,
  chatRelayNode,
  CREDENTIAL,
  linkTo,
  nodeNamed,
  packCommunityNode,
  triggerNode,
  triggerPath,
} from "./rig/community-node.ts";
import { SECRET } from "./rig/n8n-setup.ts";
import { callDirectly, signedCall } from "./rig/signed-call.ts";
import type { Workflow } from "./rig/workflow.ts";
import { useN8n } from "./rig/world.ts";

const CALLBACKS = "/api/chat/webhook";
const WHSEC = "whsec_dGhlIHNlY3JldCBvZiB0aGUgbjhuIHRlc3RzLCBpbiBiYXNlNjQ=";
const WAIT_SECONDS = 66; // n8n takes what waits for 65 s and more out of its memory
const WAITING_MS = 240_000;

/** Its callback URL is the road to the receiver, which each test makes. */
const BY_ROAD = {
  ...CREDENTIAL,
  id: "chatRelayByRoad1",
  name: "By a road",
  data: { webhookSecret: SECRET, callbackUrl: "" },
};
const SHARED = {
  ...CREDENTIAL,
  id: "chatRelayWhsec01",
  name: "Whsec",
  data: { webhookSecret: WHSEC, callbackUrl: "" },
};

const TEXT = { text: "=Here it is: {{ $('Chat Relay Trigger').first().json.chatInput }}" };
const RETRY = { retryOnFail: true, waitBetweenTries: 500 };

const TRIED_AGAIN = chainOf("tried-again", [
  triggerNode("onReceived", BY_ROAD),
  chatRelayNode("Reply", TEXT, { credential: BY_ROAD, ...RETRY }),
]);
const RUN_AGAIN = chainOf("run-again", [
  triggerNode("onReceived", BY_ROAD),
  chatRelayNode("Reply", TEXT, { credential: BY_ROAD }),
]);
const SUB_WORKFLOW = chainOf("sub-workflow", [
  nodeNamed("Called", ["n8n-nodes-base.executeWorkflowTrigger", 1.1], { inputSource: "passthrough" }),
  chatRelayNode(
    "Reply",
    {
      answerTo: "given",
      sessionId: "={{ $json.sessionId }}",
      messageId: "={{ $json.messageId }}",
      text: "=Here it is: {{ $json.chatInput }}",
      options: { idempotencyKey: "={{ $json.messageId }}" },
    },
    { credential: BY_ROAD },
  ),
]);
const CALLED = { __rl: true, mode: "id", value: SUB_WORKFLOW.id };
const BY_SUB_WORKFLOW = chainOf("by-sub-workflow", [
  triggerNode("onReceived", BY_ROAD),
  nodeNamed("Call", ["n8n-nodes-base.executeWorkflow", 1.2], { workflowId: CALLED, options: {} }, RETRY),
]);
const WORDS = { id: "words", name: "words", type: "array", value: "={{ $json.chatInput.split(' ') }}" };
const ITEMS = chainOf(
  "items",
  [
    triggerNode("lastNode"),
    nodeNamed("Words", ["n8n-nodes-base.set", 3.4], { assignments: { assignments: [WORDS] }, options: {} }),
    nodeNamed("Each Word", ["n8n-nodes-base.splitOut", 1], { fieldToSplitOut: "words", options: {} }),
    nodeNamed("Loop", ["n8n-nodes-base.splitInBatches", 3], { options: {} }),
    chatRelayNode("Say It", { text: "={{ $json.words }}" }),
    nodeNamed("Two", ["n8n-nodes-base.limit", 1], { maxItems: 2 }),
    chatRelayNode("Sum Up", { text: "=Part {{ $itemIndex + 1 }}" }),
  ],
  { Loop: { main: [linkTo("Two"), linkTo("Say It")] }, "Say It": { main: [linkTo("Loop")] } },
);
const LONG_WAIT = chainOf("long-wait", [
  triggerNode("onReceived"),
  nodeNamed("A While", ["n8n-nodes-base.wait", 1.1], { amount: WAIT_SECONDS, unit: "seconds" }),
  chatRelayNode("Reply", TEXT),
  chatRelayNode("Go On", {
    operation: "speak",
    sessionId: "={{ $('Chat Relay Trigger').first().json.sessionId }}",
    text: "Anything else?",
  }),
]);
const WITH_WHSEC = chainOf("with-whsec", [
  triggerNode("onReceived", SHARED),
  chatRelayNode("Reply", TEXT, { credential: SHARED }),
]);

const world = useN8n({
  nodes: [await packCommunityNode()],
  credentials: [CREDENTIAL, BY_ROAD, SHARED],
  workflows: [TRIED_AGAIN, RUN_AGAIN, SUB_WORKFLOW, BY_SUB_WORKFLOW, ITEMS, LONG_WAIT, WITH_WHSEC],
});

async function open(workflow: Workflow, env: Record<string, string> = {}) {
  await world().n8n.owner.untilActive(triggerPath(workflow));
  const relay = await world().relayTo(triggerPath(workflow), env);
  return { relay, chat: await world().chat() };
}

/** All that the assistant has said, as chat-relay has it. */
async function replies({ visitor }: Chat): Promise<string[]> {
  const messages = await visitor.messages();
  return messages.filter(({ role }) => role === "assistant").map(({ content }) => content);
}

describe("a callback whose answer is lost on its way", () => {
  let roads = new AsyncDisposableStack();
  afterEach(async () => {
    await roads.disposeAsync();
    roads = new AsyncDisposableStack();
  });

  async function openByRoad(workflow: Workflow) {
    const { relay, chat } = await open(workflow);
    const road = roads.use(await startFaultProxy(relay.receiver.url));
    const callbackUrl = new URL(CALLBACKS, road.url).href;
    await world().n8n.owner.changeCredential({ ...BY_ROAD, data: { ...BY_ROAD.data, callbackUrl } });
    return { road, chat };
  }

  test("is sent again by Retry On Fail, and shown once", async () => {
    const { road, chat } = await openByRoad(TRIED_AGAIN);
    const lost = road.loseAnswerTo(CALLBACKS);
    await chat.ask("Hello");
    await lost;
    await world().n8n.owner.untilExecutions(TRIED_AGAIN.id, "success");
    expect(road.accepted).toBe(2);
    expect(await replies(chat)).toEqual(["Here it is: Hello"]);
  });

  test("is sent again by n8n's retry of the failed execution, and shown once", async () => {
    const { owner } = world().n8n;
    const { road, chat } = await openByRoad(RUN_AGAIN);
    const lost = road.loseAnswerTo(CALLBACKS);
    await chat.ask("Hello");
    await lost;
    await owner.untilExecutions(RUN_AGAIN.id, "error");
    await owner.retryNewestExecution(RUN_AGAIN.id);
    await owner.untilExecutions(RUN_AGAIN.id, "success", "error");
    expect(road.accepted).toBe(2);
    expect(await replies(chat)).toEqual(["Here it is: Hello"]);
  });

  test("is sent again by another execution of the sub-workflow that sends it, and shown once by its key", async () => {
    const { owner } = world().n8n;
    const { road, chat } = await openByRoad(BY_SUB_WORKFLOW);
    const lost = road.loseAnswerTo(CALLBACKS);
    await chat.ask("Hello");
    await lost;
    await owner.untilExecutions(BY_SUB_WORKFLOW.id, "success");
    await owner.untilExecutions(SUB_WORKFLOW.id, "success", "error");
    expect(road.accepted).toBe(2);
    expect(await replies(chat)).toEqual(["Here it is: Hello"]);
  });
});

test("several items, in a loop and after it: each is said, and once, though the message is run twice", async () => {
  const { n8n } = world();
  const { relay, chat } = await open(ITEMS);
  const said = ["one", "two", "three", "Part 1", "Part 2"];
  const { message } = await chat.send("one two three");
  await n8n.owner.untilExecutions(ITEMS.id, "success");
  expect(await replies(chat)).toEqual(said);

  const { id: messageId, sessionId } = message;
  const callbackUrl = new URL(CALLBACKS, relay.receiver.url).href;
  const call = signedCall("one two three", { messageId, sessionId, callbackUrl, ageSeconds: -1 });
  const again = await callDirectly(n8n.webhook(triggerPath(ITEMS)), call);
  expect(JSON.parse(again.text)).toMatchObject([{ duplicate: true }, { duplicate: true }]);
  await n8n.owner.untilExecutions(ITEMS.id, "success", "success");
  expect(await replies(chat)).toEqual(said);
});

test(
  "the message that started an execution is still known after a wait for which n8n puts the execution away",
  async () => {
    const { owner } = world().n8n;
    const { chat } = await open(LONG_WAIT);
    const asked = await chat.send("Hello");
    await owner.untilExecutions(LONG_WAIT.id, "waiting");
    await chat.answer(asked, { withinMs: WAITING_MS });
    await owner.untilExecutions(LONG_WAIT.id, "success");
    expect(await replies(chat)).toEqual(["Here it is: Hello", "Anything else?"]);
  },
  WAITING_MS,
);

test("a whsec_ secret on both sides", async () => {
  const { chat } = await open(WITH_WHSEC, { CHAT_WEBHOOK_SECRET: WHSEC });
  const { reply } = await chat.ask("Hello");
  expect(reply.content).toBe("Here it is: Hello");
});
