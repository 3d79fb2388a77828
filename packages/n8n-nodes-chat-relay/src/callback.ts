import type { IExecuteFunctions } from "n8n-workflow";
import { callbackId } from "./callback-id.ts";
import { startingMessage, type StartingMessage } from "./starting-message.ts";

export type Operation = "sendReply" | "sendPiece" | "speak";

/** What goes to the receiver, or what is missing for it. */
export type Callback = { ok: true; url: string; id: string; body: object } | { ok: false; problem: string };

interface Target {
  sessionId: string;
  replyTo: string | undefined;
}

function text(context: IExecuteFunctions, name: string, itemIndex: number): string {
  return String(context.getNodeParameter(name, itemIndex, "") ?? "").trim();
}

function metadataOf(context: IExecuteFunctions, itemIndex: number): object {
  const options = context.getNodeParameter("options", itemIndex, {}) as { metadata?: string | object };
  const { metadata = {} } = options;
  const value: unknown = typeof metadata === "string" ? JSON.parse(metadata || "{}") : metadata;
  return { metadata: value };
}

function targetOf(
  context: IExecuteFunctions,
  operation: Operation,
  itemIndex: number,
  started: StartingMessage | undefined,
): Target | string {
  if (operation === "speak") {
    const sessionId = text(context, "sessionId", itemIndex);
    return sessionId === "" ? "There is no session ID" : { sessionId, replyTo: undefined };
  }
  if (context.getNodeParameter("answerTo", itemIndex) === "startingMessage") {
    if (started !== undefined) return { sessionId: started.sessionId, replyTo: started.messageId };
    return "No Chat Relay Trigger started this execution: choose 'Message Given Below' and say what is answered";
  }
  const [sessionId, messageId] = [text(context, "sessionId", itemIndex), text(context, "messageId", itemIndex)];
  if (sessionId === "" || messageId === "") return "There is no session ID or no message ID";
  return { sessionId, replyTo: messageId };
}

function bodyOf(context: IExecuteFunctions, operation: Operation, itemIndex: number, target: Target): object {
  const content = String(context.getNodeParameter("text", itemIndex));
  if (operation !== "sendPiece") return { ...target, content, ...metadataOf(context, itemIndex) };
  return { type: "chat.reply.delta", ...target, offset: offsetOf(context, itemIndex), content };
}

function offsetOf(context: IExecuteFunctions, itemIndex: number): number {
  return Number(context.getNodeParameter("offset", itemIndex));
}

function idOf(
  context: IExecuteFunctions,
  operation: Operation,
  itemIndex: number,
  answersStarting: StartingMessage | undefined,
): string {
  const runIndex = Number(context.getWorkflowDataProxy(itemIndex)["$runIndex"]);
  return callbackId({
    origin: answersStarting ?? { executionId: context.getExecutionId() },
    workflowId: context.getWorkflow().id ?? "",
    nodeId: context.getNode().id,
    operation,
    runIndex,
    itemIndex,
    ...(operation === "sendPiece" ? { offset: offsetOf(context, itemIndex) } : {}),
  });
}

/** Puts together what an item of the node says to chat-relay. `callbackUrl` is the credential's, which goes first. */
export function callbackOf(context: IExecuteFunctions, itemIndex: number, callbackUrl: string): Callback {
  const operation = context.getNodeParameter("operation", itemIndex) as Operation;
  const started = startingMessage(context, itemIndex);
  const target = targetOf(context, operation, itemIndex, started);
  if (typeof target === "string") return { ok: false, problem: target };
  const url = callbackUrl || started?.callbackUrl;
  if (url === undefined || url === "") return { ok: false, problem: "The credential has no callback URL" };
  const answersStarting = started?.messageId === target.replyTo ? started : undefined;
  const id = idOf(context, operation, itemIndex, answersStarting);
  return { ok: true, url, id, body: bodyOf(context, operation, itemIndex, target) };
}
