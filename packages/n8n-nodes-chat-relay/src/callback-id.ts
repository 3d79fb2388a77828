import { createHash } from "node:crypto";

/** What a callback is: two that agree in all of it are one, and are shown once. */
export interface CallbackIdentity {
  /** The message that started the execution, or else the execution itself. */
  origin: { messageId: string } | { executionId: string };
  workflowId: string;
  nodeId: string;
  operation: string;
  runIndex: number;
  itemIndex: number;
  /** Of a piece. */
  offset?: number;
}

/**
 * The `webhook-id` of a callback: the same on every try. n8n's retry of a node is in the same execution, its retry of an
 * execution is another one of the same message, and so is what chat-relay starts when it delivers a message again.
 */
export function callbackId(identity: CallbackIdentity): string {
  const { origin, workflowId, nodeId, operation, runIndex, itemIndex, offset = null } = identity;
  const [kind, of] = "messageId" in origin ? ["message", origin.messageId] : ["execution", origin.executionId];
  const parts = [kind, of, workflowId, nodeId, operation, runIndex, itemIndex, offset];
  return `n8n_${createHash("sha256").update(JSON.stringify(parts)).digest("base64url")}`;
}
