import { callbackId, type CallbackIdentity } from "./callback-id.ts";
import type { NodeSettings } from "./node-settings.ts";
import type { StartingMessage } from "./starting-message.ts";

/** What goes to the receiver, or what is missing for it. */
export type Callback = { ok: true; url: string; id: string; body: object } | { ok: false; problem: string };

/** Where a callback comes from. */
export interface CallbackSource extends Omit<CallbackIdentity, "origin" | "operation" | "offset"> {
  executionId: string;
  /** Tried out in the editor, with the same message again and again perhaps: each try counts. */
  isManual: boolean;
  /** The message that started the execution. */
  started: StartingMessage | undefined;
  /** The credential's, which goes before the message's own. */
  callbackUrl: string;
}

type Target = { sessionId: string; replyTo?: string } | { problem: string };

function targetOf({ operation, answerTo, sessionId, messageId }: NodeSettings, { started }: CallbackSource): Target {
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

function bodyOf({ operation, text, offset, metadata }: NodeSettings, target: Target): object {
  if (operation === "sendPiece") return { type: "chat.reply.delta", ...target, offset, content: text };
  return { ...target, content: text, metadata };
}

function idOf({ operation, offset }: NodeSettings, source: CallbackSource): string {
  const { started, isManual, executionId } = source;
  const origin = started === undefined || isManual ? { executionId } : { messageId: started.messageId };
  return callbackId({ ...source, origin, operation, ...(operation === "sendPiece" ? { offset } : {}) });
}

/** Puts together what one item of the node says to chat-relay. */
export function callbackOf(settings: NodeSettings, source: CallbackSource): Callback {
  const target = targetOf(settings, source);
  if ("problem" in target) return { ok: false, ...target };
  if (settings.operation !== "sendPiece" && settings.text.trim() === "")
    return { ok: false, problem: "There is no text" };
  const url = source.callbackUrl || (source.started?.callbackUrl ?? "");
  if (url === "") return { ok: false, problem: "The credential has no callback URL" };
  return { ok: true, url, id: idOf(settings, source), body: bodyOf(settings, target) };
}
