import {
  NodeApiError,
  NodeConnectionTypes,
  NodeOperationError,
  type IDataObject,
  type IExecuteFunctions,
  type INodeExecutionData,
  type INodeType,
  type INodeTypeDescription,
  type JsonObject,
} from "n8n-workflow";
import { callbackOf, type CallbackSource } from "../../src/callback.ts";
import { settingsOf } from "../../src/node-settings.ts";
import { startingMessage } from "../../src/starting-message.ts";

const TIMEOUT_MS = 30_000;

async function sourceOf(context: IExecuteFunctions, itemIndex: number): Promise<CallbackSource> {
  const { callbackUrl = "" } = await context.getCredentials<{ callbackUrl?: string }>("chatRelayApi", itemIndex);
  return {
    executionId: context.getExecutionId(),
    isManual: context.getMode() === "manual",
    started: startingMessage(context, itemIndex),
    callbackUrl: callbackUrl.trim(),
    workflowId: context.getWorkflow().id ?? "",
    nodeId: context.getNode().id,
    runIndex: Number(context.getWorkflowDataProxy(itemIndex)["$runIndex"]),
    itemIndex,
  };
}

async function send(context: IExecuteFunctions, itemIndex: number): Promise<IDataObject> {
  const callback = callbackOf(settingsOf(context, itemIndex), await sourceOf(context, itemIndex));
  if (!callback.ok) throw new NodeOperationError(context.getNode(), callback.problem, { itemIndex });
  return (await context.helpers.httpRequestWithAuthentication.call(context, "chatRelayApi", {
    url: callback.url,
    method: "POST",
    headers: { "webhook-id": callback.id },
    body: callback.body,
    json: true,
    disableFollowRedirect: true, // what is signed is for the receiver alone
    timeout: TIMEOUT_MS,
  })) as IDataObject;
}

function nodeError(context: IExecuteFunctions, error: unknown, itemIndex: number): Error {
  if (error instanceof NodeOperationError) return error;
  return new NodeApiError(context.getNode(), error as JsonObject, { itemIndex });
}

/** Speaks to a visitor: replies to a message, shows a piece of a reply, or speaks unasked. */
export class ChatRelay implements INodeType {
  description: INodeTypeDescription = {
    displayName: "Chat Relay",
    name: "chatRelay",
    icon: { light: "file:../../icons/chat-relay.svg", dark: "file:../../icons/chat-relay.dark.svg" },
    group: ["output"],
    version: 1,
    subtitle:
      '={{ { sendReply: "reply", sendPiece: "piece of a reply", speak: "speak unasked" }[$parameter["operation"]] }}',
    description: "Sends replies to the visitors of chat-relay",
    defaults: { name: "Chat Relay" },
    inputs: [NodeConnectionTypes.Main],
    outputs: [NodeConnectionTypes.Main],
    usableAsTool: true,
    credentials: [{ name: "chatRelayApi", required: true }],
    properties: [
      {
        displayName: "Operation",
        name: "operation",
        type: "options",
        noDataExpression: true,
        options: [
          {
            name: "Send Piece",
            value: "sendPiece",
            description: "Show a part of a reply before it is finished",
            action: "Send a piece of a reply",
          },
          {
            name: "Send Reply",
            value: "sendReply",
            description: "Answer a message",
            action: "Send a reply",
          },
          {
            name: "Speak",
            value: "speak",
            description: "Say something in a session without being asked",
            action: "Speak unasked",
          },
        ],
        default: "sendReply",
      },
      {
        displayName: "Answer To",
        name: "answerTo",
        type: "options",
        noDataExpression: true,
        options: [
          {
            name: "Message Given Below",
            value: "given",
            description: "A message that this execution was not started with, such as one that was kept",
          },
          {
            name: "Message That Started This Execution",
            value: "startingMessage",
            description: "The one of the Chat Relay Trigger before this node",
          },
        ],
        displayOptions: { show: { operation: ["sendReply", "sendPiece"] } },
        default: "startingMessage",
      },
      {
        displayName: "Session ID",
        name: "sessionId",
        type: "string",
        displayOptions: { show: { operation: ["sendReply", "sendPiece"], answerTo: ["given"] } },
        default: "={{ $json.sessionId }}",
        required: true,
        description: "Whom to speak to",
      },
      {
        displayName: "Session ID",
        name: "sessionId",
        type: "string",
        displayOptions: { show: { operation: ["speak"] } },
        default: "={{ $json.sessionId }}",
        required: true,
        description: "Whom to speak to",
      },
      {
        displayName: "Message ID",
        name: "messageId",
        type: "string",
        displayOptions: { show: { operation: ["sendReply", "sendPiece"], answerTo: ["given"] } },
        default: "={{ $json.messageId }}",
        required: true,
        description: "The message that is answered",
      },
      {
        displayName: "Text",
        name: "text",
        type: "string",
        typeOptions: { rows: 3 },
        default: "={{ $json.output }}",
        required: true,
        description: "What the visitor reads",
      },
      {
        displayName: "Offset",
        name: "offset",
        type: "number",
        typeOptions: { minValue: 0 },
        displayOptions: { show: { operation: ["sendPiece"] } },
        default: 0,
        description:
          "Where the piece goes in the reply, in UTF-16 units (JavaScript's length of the text before it). 0 begins the text anew.",
      },
      {
        displayName: "Options",
        name: "options",
        type: "collection",
        placeholder: "Add option",
        displayOptions: { show: { operation: ["sendReply", "speak"] } },
        default: {},
        options: [
          {
            displayName: "Metadata",
            name: "metadata",
            type: "json",
            default: "{}",
            description: "A JSON object that is kept with the message and shown to the page",
          },
        ],
      },
    ],
  };

  async execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
    const sent: INodeExecutionData[] = [];
    // One after another: the replies are shown in the order in which they arrive.
    for (const itemIndex of this.getInputData().keys()) {
      try {
        sent.push({ json: await send(this, itemIndex), pairedItem: { item: itemIndex } });
      } catch (error) {
        if (!this.continueOnFail()) throw nodeError(this, error, itemIndex);
        sent.push({ json: { error: (error as Error).message }, pairedItem: { item: itemIndex } });
      }
    }
    return [sent];
  }
}
