import { freePort } from "@chat-relay/embedded/free-port";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { describe, expect, test } from "vitest";
import { copyOf, CREDENTIAL, exampleOf, packCommunityNode, triggerPath } from "./rig/community-node.ts";
import { callDirectly, signedCall } from "./rig/signed-call.ts";
import type { Workflow } from "./rig/workflow.ts";
import { useN8n } from "./rig/world.ts";

const TEXT = "Grüße 👋 {{ $json }}";
const RESTART_MS = 300_000;

const ANSWER = exampleOf("answer-when-done.json");
const STREAM = exampleOf("stream-ai-agent.json");
const LATER = exampleOf("answer-later.json", "Slow Work", { amount: 8 });
const REPLAYED = copyOf(LATER, "replayed");
const RECAP = exampleOf("recap.json");
const FOLLOW_UP = exampleOf("follow-up.json", "An Hour", { amount: 2, unit: "seconds" });

const world = useN8n({
  nodes: [await packCommunityNode()],
  credentials: [CREDENTIAL],
  workflows: [ANSWER, STREAM, LATER, REPLAYED, RECAP, FOLLOW_UP],
});

async function open(workflow: Workflow, env: Record<string, string> = {}) {
  await world().n8n.owner.untilActive(triggerPath(workflow));
  await world().relayTo(triggerPath(workflow), env);
  return world().chat();
}

test("answer when done", async () => {
  const chat = await open(ANSWER);
  const { reply } = await chat.ask(TEXT);
  expect(reply.content).toBe(`You said: ${TEXT}`);
});

test("AI Agent and its memory work with their defaults, and stream", async () => {
  const chat = await open(STREAM);
  const gate = Promise.withResolvers<void>();
  world().model.speakWith(async function* () {
    yield "Good ";
    await gate.promise;
    yield "morning, Zoë 👋";
  });
  const asked = await chat.send(TEXT);
  await chat.untilShown(asked, "Good ");
  gate.resolve();
  const { reply } = await chat.answer(asked);
  expect(reply.content).toBe("Good morning, Zoë 👋");
  await chat.ask("And now?");
  expect(world().model.calls.at(-1)?.said.slice(-3)).toEqual([TEXT, "Good morning, Zoë 👋", "And now?"]);
});

test("answer later: a piece at once, then the reply in its place", async () => {
  const chat = await open(LATER);
  const asked = await chat.send(TEXT);
  await chat.untilShown(asked, "One moment, I am looking that up …");
  expect(chat.said()).toEqual([]);
  const { reply } = await chat.answer(asked);
  expect(reply.content).toBe(`Here it is: ${TEXT}`);
  expect(reply.metadata).toEqual({ source: "lookup" });
});

test("a message that is delivered again while its workflow runs starts no second execution", async () => {
  const { owner } = world().n8n;
  const chat = await open(REPLAYED, { CHAT_REPLY_TIMEOUT_MS: "2000" });
  const asked = await chat.send("Hello");
  await chat.told(asked.message.id, "unanswered");
  await world().operator.replay(asked.message.id);
  await chat.answer(asked);
  await owner.untilExecutions(REPLAYED.id, "success");
  expect(chat.said()).toEqual(["Here it is: Hello"]);
});

test("speak unasked", async () => {
  const chat = await open(FOLLOW_UP);
  await chat.ask(TEXT);
  await waitFor("what was said unasked", () => chat.said().length === 2, 60_000);
  expect(chat.said()).toEqual(["Thank you! We look into it.", "Is everything sorted out?"]);
});

test("get history: an item for each message, oldest first", async () => {
  const chat = await open(RECAP);
  const first = await chat.ask("Hello");
  expect(first.reply.content).toBe("user: Hello");
  const second = await chat.ask(TEXT);
  expect(second.reply.content).toBe(`user: Hello\nassistant: user: Hello\nuser: ${TEXT}`);
});

describe("n8n's test of the credential", () => {
  const tested = async (data: Record<string, string>) =>
    world().n8n.owner.testCredential({ ...CREDENTIAL, data: { ...CREDENTIAL.data, ...data } });

  test("tells the right secret, another one, another address, and that there is none", async () => {
    const relay = await world().relayTo(triggerPath(ANSWER));
    const callbackUrl = `${relay.receiver.url}/api/chat/webhook`;
    expect(await tested({ callbackUrl })).toMatchObject({ status: "OK" });
    const another = { callbackUrl, webhookSecret: "a-secret-that-chat-relay-does-not-know" };
    expect(await tested(another)).toMatchObject({ status: "Error", message: expect.stringMatching(/another secret/) });
    const elsewhere = { callbackUrl: `http://127.0.0.1:${await freePort()}/api/chat/webhook` };
    expect(await tested(elsewhere)).toMatchObject({ status: "Error", message: expect.stringMatching(/ECONNREFUSED/) });
    const gateway = { callbackUrl: `${relay.gateway.url}/api/chat/webhook` };
    expect(await tested(gateway)).toMatchObject({ status: "Error", message: expect.stringMatching(/no receiver/) });
    expect(await tested({ callbackUrl: "" })).toEqual({ status: "OK", message: "Not tested: no callback URL" });
  });
});

describe("what the trigger refuses", () => {
  const url = () => world().n8n.webhook(triggerPath(ANSWER));

  test("nothing, when it is signed with one of its secrets", async () => {
    const answer = await callDirectly(url(), signedCall(TEXT));
    expect(answer).toMatchObject({ status: 200, text: JSON.stringify([{ output: `You said: ${TEXT}` }]) });
  });

  test("a changed body, an old timestamp, the signature of another message, another secret", async () => {
    const [call, other] = [signedCall(TEXT), signedCall(TEXT)];
    const changed = Buffer.from(call.body.toString().replace("Grüße", "Gruße"));
    const forged = [
      { ...call, body: changed },
      signedCall(TEXT, { ageSeconds: 330 }),
      { body: call.body, headers: { ...call.headers, "webhook-signature": other.headers["webhook-signature"] ?? "" } },
      signedCall(TEXT, { secret: "a-secret-that-n8n-does-not-know" }),
    ];
    for (const each of forged) expect((await callDirectly(url(), each)).status).toBe(401);
  });

  test("the very same call, when it comes again", async () => {
    const call = signedCall(TEXT);
    expect((await callDirectly(url(), call)).status).toBe(200);
    expect((await callDirectly(url(), call)).status).toBe(409);
  });
});

test(
  "n8n killed after its 200: an operator's replay starts the workflow anew, and the reply comes once",
  async () => {
    const { n8n } = world();
    const chat = await open(LATER, { CHAT_REPLY_TIMEOUT_MS: "15000", CHAT_BREAKER_PROBE_MAX_MS: "4000" });
    const asked = await chat.send("Hello");
    await chat.told(asked.message.id, "delivered");
    await n8n.end("SIGKILL");
    await chat.told(asked.message.id, "unanswered");
    await n8n.start();
    await n8n.owner.untilActive(triggerPath(LATER));
    await world().operator.replay(asked.message.id);
    await chat.answer(asked);
    expect(chat.said()).toEqual(["Here it is: Hello"]);
  },
  RESTART_MS,
);
