import type { FakeCall, Responder } from "@chat-relay/testkit/fake-n8n";
import type { Trial } from "./fault-case.ts";
import type { SendOptions } from "./load.ts";

/** Metadata that has n8n play the named script at the message's calls. */
export function playing(script: string): Required<Pick<SendOptions, "metadata">> {
  return { metadata: { script } };
}

/** The script that the message asked for. */
function scriptOf(call: FakeCall): string | undefined {
  return (call.body as { data?: { metadata?: { script?: string } } } | undefined)?.data?.metadata?.script;
}

/** Number of the call's attempt, from 1. */
export function attemptOf(call: FakeCall): number {
  return Number(call.headers["chat-attempt"]);
}

/** n8n plays the script that a message names, and is the usual bot to all others. */
export function playScripts({ world, bot }: Trial, scripts: Readonly<Record<string, Responder>>): void {
  world.n8n.answerWith((call, response) => (scripts[scriptOf(call) ?? ""] ?? bot.answer)(call, response));
}

/** The script for the first so many attempts, the usual bot for those after. */
export function firstAttempts({ bot }: Trial, count: number, script: Responder): Responder {
  return (call, response) => (attemptOf(call) <= count ? script(call, response) : bot.answer(call));
}
