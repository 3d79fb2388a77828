import { createHash } from "node:crypto";

/** What a callback is: two that agree in all of it are one, and are shown once. */
export interface CallbackIdentity {
  /** The message that started the execution, or else the execution itself; the workflow's own key goes before both. */
  origin: { messageId: string } | { executionId: string } | { key: string };
  workflowId: string;
  nodeId: string;
  operation: string;
  runIndex: number;
  itemIndex: number;
  sessionId: string;
  /** The message that is answered. */
  replyTo?: string;
  /** Of a piece. */
  offset?: number;
}

/**
 * The `webhook-id` of a callback: the same on every try. n8n's retry of a node is in the same execution, its retry of an
 * execution is another one of the same message, and so is what chat-relay starts when it delivers a message again. Whom it
 * is for is part of it: another execution may have other items in another order, and what goes to one visitor must not be
 * taken for what was sent to another.
 */
export function callbackId(identity: CallbackIdentity): string {
  const { origin, workflowId, nodeId, operation, runIndex, itemIndex, sessionId } = identity;
  const { replyTo = null, offset = null } = identity;
  const place = [workflowId, nodeId, operation, runIndex, itemIndex];
  const parts = [Object.entries(origin), place, sessionId, replyTo, offset];
  return `n8n_${createHash("sha256").update(JSON.stringify(parts)).digest("base64url")}`;
}
