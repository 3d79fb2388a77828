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
import { historyRequestOf } from "../../src/history-request.ts";
import { settingsOf } from "../../src/node-settings.ts";
import { startingMessage } from "../../src/starting-message.ts";
import { credentialTest } from "../../src/credential-test.ts";

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

/** Signed by the credential, under a new id unless one is given. */
function post(context: IExecuteFunctions, { url, body, id }: { url: string; body: object; id?: string }) {
  return context.helpers.httpRequestWithAuthentication.call(context, "chatRelayApi", {
    url,
    method: "POST",
    headers: id === undefined ? {} : { "webhook-id": id },
    body,
    json: true,
    disableFollowRedirect: true, // what is signed is for the receiver alone
    timeout: TIMEOUT_MS,
  });
}

/** What comes of one item: chat-relay's answer, or the messages of a history. */
async function run(context: IExecuteFunctions, itemIndex: number): Promise<IDataObject[]> {
  const settings = settingsOf(context, itemIndex);
  const source = await sourceOf(context, itemIndex);
  const readsHistory = settings.operation === "getHistory";
  const request = readsHistory ? historyRequestOf(settings, source) : callbackOf(settings, source);
  if (!request.ok) throw new NodeOperationError(context.getNode(), request.problem, { itemIndex });
  const answer = await post(context, request);
  return readsHistory ? (answer as { messages: IDataObject[] }).messages : [answer as IDataObject];
}

function nodeError(context: IExecuteFunctions, error: unknown, itemIndex: number): Error {
  if (error instanceof NodeOperationError) return error;
  return new NodeApiError(context.getNode(), error as JsonObject, { itemIndex });
}

/** Speaks to a visitor: replies to a message, shows a piece of a reply, or speaks unasked. Reads what was said. */
export class ChatRelay implements INodeType {
  description: INodeTypeDescription = {
    displayName: "Chat Relay",
    name: "chatRelay",
    icon: { light: "file:../../icons/chat-relay.svg", dark: "file:../../icons/chat-relay.dark.svg" },
    group: ["output"],
    version: 1,
    subtitle:
      '={{ { sendReply: "reply", sendPiece: "piece of a reply", speak: "speak unasked", getHistory: "history" }[$parameter["operation"]] }}',
    description: "Sends replies to the visitors of chat-relay, and reads what was said",
    defaults: { name: "Chat Relay" },
    inputs: [NodeConnectionTypes.Main],
    outputs: [NodeConnectionTypes.Main],
    usableAsTool: true,
    credentials: [{ name: "chatRelayApi", required: true, testedBy: "testCredential" }],
    properties: [
      {
        displayName: "Operation",
        name: "operation",
        type: "options",
        noDataExpression: true,
        options: [
          {
            name: "Get History",
            value: "getHistory",
            description: "Read what was said in a session",
            action: "Get the history of a session",
          },
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
        displayName: "Session ID",
        name: "sessionId",
        type: "string",
        displayOptions: { show: { operation: ["getHistory"] } },
        default: "={{ $json.sessionId }}",
        required: true,
        description: "Whose messages to read",
      },
      {
        displayName: "Limit",
        name: "limit",
        type: "number",
        typeOptions: { minValue: 1 },
        displayOptions: { show: { operation: ["getHistory"] } },
        default: 50,
        description: "Max number of results to return",
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
        displayOptions: { show: { operation: ["sendReply", "sendPiece", "speak"] } },
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
        displayOptions: { show: { operation: ["getHistory"] } },
        default: {},
        options: [
          {
            displayName: "Before",
            name: "before",
            type: "string",
            default: "",
            description: "The ID of a message: those before it are read instead of the newest",
          },
        ],
      },
      {
        displayName: "Options",
        name: "options",
        type: "collection",
        placeholder: "Add option",
        displayOptions: { show: { operation: ["sendReply", "sendPiece", "speak"] } },
        default: {},
        options: [
          {
            displayName: "Idempotency Key",
            name: "idempotencyKey",
            type: "string",
            default: "",
            description:
              "What this node sends under one key is shown once. Takes the place of the message that started the execution, where none is known: in tools, sub-workflows and scheduled workflows.",
          },
          {
            displayName: "Metadata",
            name: "metadata",
            type: "json",
            displayOptions: { show: { "/operation": ["sendReply", "speak"] } },
            default: "{}",
            description: "A JSON object that is kept with the message and shown to the page",
          },
        ],
      },
    ],
  };

  methods = { credentialTest };

  async execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
    const results: INodeExecutionData[] = [];
    // One after another: the replies are shown in the order in which they arrive.
    for (const itemIndex of this.getInputData().keys()) {
      try {
        for (const json of await run(this, itemIndex)) results.push({ json, pairedItem: { item: itemIndex } });
      } catch (error) {
        if (!this.continueOnFail()) throw nodeError(this, error, itemIndex);
        results.push({ json: { error: (error as Error).message }, pairedItem: { item: itemIndex } });
      }
    }
    return [results];
  }
}
