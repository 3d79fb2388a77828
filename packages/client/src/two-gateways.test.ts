import { createServer, connect, type AddressInfo } from "node:net";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { expect, onTestFinished, test } from "vitest";
import { FakeGateway } from "./testing/fake-gateway.ts";
import { frame } from "./testing/fake-session.ts";
import { recordSnapshots, shown, testClient, untilShown } from "./testing/test-client.ts";

/** Two gateways over the same stores, behind a balancer that sends each connection to the first that takes it. */
async function balancedGateways(): Promise<{ first: FakeGateway; second: FakeGateway; url: string }> {
  const first = await FakeGateway.start();
  const second = await FakeGateway.start(first.sessions);
  const balancer = createServer((client) => {
    const upstream = connect(Number(new URL((first.isReachable ? first : second).url).port), "127.0.0.1");
    client.pipe(upstream).pipe(client);
    client.on("error", () => upstream.destroy());
    upstream.on("error", () => client.resetAndDestroy());
    upstream.on("close", () => client.destroy());
  });
  await new Promise<void>((resolve) => balancer.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    await Promise.all([first, second].map((gateway) => gateway[Symbol.asyncDispose]()));
    balancer.close();
  });
  return { first, second, url: `http://127.0.0.1:${(balancer.address() as AddressInfo).port}` };
}

test("when a gateway dies in the middle of a reply, the next one goes on: no gap, no doubled text", async () => {
  const { first, second, url } = await balancedGateways();
  const client = testClient(first, { url });
  client.start();
  client.send("Tell me");
  await untilShown(client, "to be live", ({ connection }) => connection === "live");
  await untilShown(client, "it to be queued", ({ messages }) => messages[0]?.state === "queued");
  const { session } = first;
  const [id = ""] = session.messages.map(({ id }) => id);
  const texts = new Set<string>();
  client.subscribe(() => texts.add(client.snapshot.streaming[0]?.blocks[0] ?? ""));
  session.delta(id, 0, "Once upon");
  await untilShown(client, "the beginning", ({ streaming }) => streaming[0]?.blocks[0] === "Once upon");
  const snapshots = recordSnapshots(client);
  session.write(frame("delta", { replyTo: id, block: 0, offset: 9, content: " a time" }).slice(0, 30));
  first.setReachable(false);
  session.setStatus(id, "delivered");
  session.delta(id, 9, " a time");
  const unsent = client.send("And then?");
  await untilShown(client, "the text", ({ streaming }) => streaming[0]?.blocks[0] === "Once upon a time");
  await untilShown(client, "the message", ({ messages }) => messages[1]?.state === "queued");
  session.reply(id, "Once upon a time.");
  await untilShown(client, "the answer", ({ messages }) => messages[0]?.state === "answered");
  expect(shown(client)).toEqual([
    "1 user Tell me answered",
    "2 user And then? queued",
    "3 assistant Once upon a time. received",
  ]);
  expect(client.snapshot.messages[1]?.key).toBe(unsent.key);
  for (const text of texts) expect("Once upon a time").toContain(text);
  for (const { messages, streaming } of snapshots) {
    expect(messages.filter(({ role }) => role === "assistant").length + streaming.length).toBe(1);
  }
  const [resumed] = second.named("GET /stream");
  expect(resumed?.headers["last-event-id"]).toBe("session-1.1");
});

test("gateways that take turns at dying lose and double nothing", async () => {
  const { first, second, url } = await balancedGateways();
  const client = testClient(first, { url });
  client.start();
  client.send("0");
  await untilShown(client, "the first message", ({ messages }) => messages[0]?.state === "queued");
  const { session } = first;
  const snapshots = recordSnapshots(client);
  for (let round = 1; round <= 10; round += 1) {
    const [dying, taking] = round % 2 === 1 ? [first, second] : [second, first];
    client.send(`${round}`);
    dying.setReachable(false);
    taking.setReachable(true);
    session.reply(null, `unasked ${round}`);
    await waitFor("a message each", () => session.messages.length === 2 * round + 1);
  }
  await untilShown(
    client,
    "all of them",
    ({ messages }) => messages.length === 21 && messages.every(({ id }) => id !== null),
  );
  expect(client.snapshot.messages.map(({ sequence }) => sequence)).toEqual(
    Array.from({ length: 21 }, (_, at) => at + 1),
  );
  expect(session.messages.filter(({ role }) => role === "user").map(({ content }) => content)).toEqual(
    Array.from({ length: 11 }, (_, round) => `${round}`),
  );
  for (const { messages } of snapshots) expect(new Set(messages.map(({ key }) => key)).size).toBe(messages.length);
});
