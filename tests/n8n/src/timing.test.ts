import { newId } from "@chat-relay/core/ids";
import type { Stack } from "@chat-relay/testkit/stack";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { Chat } from "./rig/chat.ts";
import { writeFigure } from "./rig/figures.ts";
import { median } from "./rig/median.ts";
import { startModelServer, type ModelServer } from "./rig/model-server.ts";
import type { N8n } from "./rig/n8n.ts";
import { startRelay } from "./rig/relay.ts";
import { callDirectly, signedCall } from "./rig/signed-call.ts";
import { startN8n } from "./rig/start-n8n.ts";

const COUNT = 30;
const WARM_UP = 5;
const WORD_MS = 20;
/** These are measurements. What they must not come to is a second of chat-relay's own, on any machine that runs both. */
const OWN_MAX_MS = 1_000;

let n8n: N8n;
let model: ModelServer;

beforeAll(async () => {
  model = await startModelServer(inject("n8n").modelPort);
  model.speakWith(async function* () {
    for (const word of ["Six ", "words, ", "one ", "after ", "the ", "other."]) {
      await new Promise((resolve) => setTimeout(resolve, WORD_MS));
      yield word;
    }
  });
  n8n = await startN8n();
  writeFigure("n8n", inject("n8n").version);
});
afterAll(async () => {
  await n8n[Symbol.asyncDispose]();
  await model[Symbol.asyncDispose]();
});

interface Times {
  firstPieceMs: number | null;
  finishedMs: number;
}

/** Messages by way of chat-relay and straight to n8n, in turn, so that whatever else the machine does falls on both. */
async function compare(path: string): Promise<{ relayed: Times[]; direct: Times[] }> {
  await using relay: Stack = await startRelay(n8n.webhook(path));
  using chat = await Chat.open(relay.gateway.url);
  const relayed: Times[] = [];
  const direct: Times[] = [];
  const sessionId = newId(); // one here too: an agent's memory grows alike
  for (let number = 0; number < WARM_UP + COUNT; number += 1) {
    relayed.push(await chat.ask(`Message ${number}`));
    direct.push(await callDirectly(n8n.webhook(path), signedCall(`Message ${number}`, { sessionId })));
  }
  return { relayed: relayed.slice(WARM_UP), direct: direct.slice(WARM_UP) };
}

/** Prints both medians; returns by how much the first is longer, in ms. */
function report(what: string, relayed: readonly number[], direct: readonly number[]): number {
  const [by, straight] = [median(relayed), median(direct)];
  const share = `${(by - straight).toFixed(0)} ms of them chat-relay's own`;
  const value = `${by.toFixed(0)} ms, n8n alone ${straight.toFixed(0)} ms: ${share} (medians of ${relayed.length})`;
  writeFigure(what, value);
  return by - straight;
}

const finished = (times: readonly Times[]) => times.map(({ finishedMs }) => finishedMs);
const firstPieces = (times: readonly Times[]) => times.map(({ firstPieceMs }) => firstPieceMs ?? Number.NaN);

test("time to an answer in the response", async () => {
  const { relayed, direct } = await compare("chat-relay-answer");
  expect(
    report("from sending to the finished reply, in the response", finished(relayed), finished(direct)),
  ).toBeLessThan(OWN_MAX_MS);
}, 600_000);

test("time to the first piece and the end of a streamed answer", async () => {
  const { relayed, direct } = await compare("chat-relay-stream");
  for (const ms of [...firstPieces(relayed), ...firstPieces(direct)]) expect(ms).toBeGreaterThan(0);
  expect(report("from sending to the first piece, streamed", firstPieces(relayed), firstPieces(direct))).toBeLessThan(
    OWN_MAX_MS,
  );
  expect(report("from sending to the finished reply, streamed", finished(relayed), finished(direct))).toBeLessThan(
    OWN_MAX_MS,
  );
}, 600_000);
