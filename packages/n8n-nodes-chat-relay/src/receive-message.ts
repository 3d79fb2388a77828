import type { IDataObject, IWebhookFunctions, IWebhookResponseData } from "n8n-workflow";
import type { CallMemory, WebhookCall } from "./call-memory.ts";
import { readChatMessage, type ChatMessage } from "./chat-message.ts";
import { verifyWebhook } from "./webhook-signature.ts";

export type ResponseMode = "onReceived" | "streaming" | "lastNode";

type Request = ReturnType<IWebhookFunctions["getRequestObject"]>;
type Response = ReturnType<IWebhookFunctions["getResponseObject"]>;

/** A call that reached the trigger. */
export interface ReceivedCall {
  request: Request;
  response: Response;
  keys: Buffer[];
  responseMode: ResponseMode;
  trigger: string;
  memory: CallMemory | undefined;
  onRefused: (reason: string) => void;
}

// n8n's own words for it, by which chat-relay knows that the reply comes by callback.
const STARTED = { message: "Workflow was started" };

function header(request: Request, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" ? value : undefined;
}

function refuse({ response, onRefused }: ReceivedCall, status: number, detail: string, reason: string) {
  onRefused(reason);
  response.writeHead(status, { "content-type": "application/json; charset=utf-8" });
  response.end(JSON.stringify({ code: status, message: detail }));
  return { noWebhookResponse: true };
}

/**
 * Another attempt must not start a second execution when the first will answer by callback. Where the answer is in the
 * response it must: the response of the first has reached nobody, and cannot be had again.
 */
function repeatedAnswer(received: ReceivedCall, call: WebhookCall): IWebhookResponseData | undefined {
  const recollection = received.memory?.recall(call, Date.now()) ?? "first";
  if (recollection === "first" || recollection === "again") return undefined;
  if (received.responseMode === "onReceived") return { webhookResponse: STARTED };
  if (recollection === "recent") return undefined;
  return refuse(received, 409, "This very call was taken before", "replayed");
}

/** n8n ends the response, whoever begins it; what it was shows whether the call counts. */
function remember({ memory, response }: ReceivedCall, call: WebhookCall): void {
  if (memory === undefined) return;
  memory.begin(call, Date.now());
  response.once("close", () => memory.end(call, Date.now(), response.statusCode < 400));
}

/** As n8n's Webhook node does: n8n writes its chunks to a response that the trigger has begun. */
function beginStream(response: Response): void {
  response.writeHead(200, {
    "content-type": "application/json; charset=utf-8",
    "transfer-encoding": "chunked",
    "cache-control": "no-cache",
  });
  response.flushHeaders();
}

function start(received: ReceivedCall, message: ChatMessage): IWebhookResponseData {
  const attempt = Number(header(received.request, "chat-attempt") ?? 1);
  const json: IDataObject = { ...message, attempt };
  const workflowData = [[{ json }]];
  if (received.responseMode !== "streaming") return { workflowData };
  // The execution begins all the same: n8n is only told to leave the response to the nodes, which write their lines to it.
  beginStream(received.response);
  return { workflowData, noWebhookResponse: true };
}

/** Verifies a call and says what n8n is to do with it: start an execution with the message, or nothing. */
export function receiveMessage(received: ReceivedCall): IWebhookResponseData {
  const { request, keys, trigger } = received;
  const body = request.rawBody ?? Buffer.alloc(0);
  const headers = {
    id: header(request, "webhook-id"),
    timestamp: header(request, "webhook-timestamp"),
    signature: header(request, "webhook-signature"),
  };
  const verified = verifyWebhook(keys, headers, body, Date.now());
  if (!verified.ok) return refuse(received, 401, "The signature is missing or not valid", verified.reason);
  const message = readChatMessage(body);
  if (message === undefined || message.messageId !== verified.id) {
    return refuse(received, 400, "This is no message of chat-relay", "not_a_chat_message");
  }
  const call = { trigger, id: verified.id, timestamp: verified.timestamp };
  const answer = repeatedAnswer(received, call);
  if (answer !== undefined) return answer;
  remember(received, call);
  return start(received, message);
}
