import { randomUUID } from "node:crypto";
import { callbackId, type CallbackIdentity } from "./callback-id.ts";
import type { NodeSettings } from "./node-settings.ts";
import type { StartingMessage } from "./starting-message.ts";

/** What goes to the receiver, or what is missing for it. */
export type Callback = { ok: true; url: string; id: string; body: object } | { ok: false; problem: string };

/** Where a callback comes from. */
export interface CallbackSource extends Pick<CallbackIdentity, "workflowId" | "nodeId" | "runIndex" | "itemIndex"> {
  /** Not known while n8n does not keep the execution. */
  executionId: string | undefined;
  /** Tried out in the editor, with the same message again and again perhaps: each try counts. */
  isManual: boolean;
  /** The message that started the execution. */
  started: StartingMessage | undefined;
  /** The credential's, which goes before the message's own. */
  callbackUrl: string;
}

type Target = Pick<CallbackIdentity, "sessionId" | "replyTo">;

function targetOf(settings: NodeSettings, { started }: CallbackSource): Target | { problem: string } {
  const { operation, answerTo, sessionId, messageId } = settings;
  if (operation === "speak") return sessionId === "" ? { problem: "There is no session ID" } : { sessionId };
  if (answerTo === "given") {
    if (sessionId === "" || messageId === "") return { problem: "There is no session ID or no message ID" };
    return { sessionId, replyTo: messageId };
  }
  if (started !== undefined) return { sessionId: started.sessionId, replyTo: started.messageId };
  return {
    problem: "No Chat Relay Trigger started this execution: choose 'Message Given Below' and say what is answered",
  };
}

function contentProblem({ operation, text, metadata }: NodeSettings): string | undefined {
  if (operation === "sendPiece") return undefined; // an empty one withdraws the text
  if (text.trim() === "") return "There is no text";
  return metadata === undefined ? 'Metadata is not a JSON object, such as { "page": "/prices" }' : undefined;
}

function bodyOf({ operation, text, offset, metadata }: NodeSettings, target: Target): object {
  if (operation === "sendPiece") return { type: "chat.reply.delta", ...target, offset, content: text };
  return { ...target, content: text, metadata };
}

function originOf({ idempotencyKey }: NodeSettings, source: CallbackSource): CallbackIdentity["origin"] {
  const { started, isManual, executionId = randomUUID() } = source;
  if (idempotencyKey !== "") return { key: idempotencyKey };
  return started === undefined || isManual ? { executionId } : { messageId: started.messageId };
}

function idOf(settings: NodeSettings, source: CallbackSource, target: Target): string {
  const { operation, offset } = settings;
  const { workflowId, nodeId, runIndex, itemIndex } = source;
  const place = { workflowId, nodeId, operation, runIndex, itemIndex };
  const piece = operation === "sendPiece" ? { offset } : {};
  return callbackId({ origin: originOf(settings, source), ...place, ...target, ...piece });
}

/** Where chat-relay takes callbacks: the credential's address, or else the one that the message names. */
export function callbackUrlOf({ callbackUrl, started }: Pick<CallbackSource, "callbackUrl" | "started">): string {
  return callbackUrl || (started?.callbackUrl ?? "");
}

/** Puts together what one item of the node says to chat-relay. */
export function callbackOf(settings: NodeSettings, source: CallbackSource): Callback {
  const target = targetOf(settings, source);
  if ("problem" in target) return { ok: false, ...target };
  const problem = contentProblem(settings);
  if (problem !== undefined) return { ok: false, problem };
  const url = callbackUrlOf(source);
  if (url === "") return { ok: false, problem: "The credential has no callback URL" };
  return { ok: true, url, id: idOf(settings, source, target), body: bodyOf(settings, target) };
}
