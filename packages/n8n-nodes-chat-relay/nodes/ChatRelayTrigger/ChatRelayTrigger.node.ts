import {
  NodeConnectionTypes,
  NodeOperationError,
  type INodeType,
  type INodeTypeDescription,
  type IWebhookFunctions,
  type IWebhookResponseData,
} from "n8n-workflow";
import { CallMemory } from "../../src/call-memory.ts";
import { receiveMessage, type ResponseMode } from "../../src/receive-message.ts";
import { credentialTest } from "../../src/credential-test.ts";
import { parseWebhookSecrets } from "../../src/webhook-secrets.ts";

const memory = new CallMemory();

async function keysOf(context: IWebhookFunctions): Promise<Buffer[]> {
  const { webhookSecret } = await context.getCredentials<{ webhookSecret: string }>("chatRelayApi");
  const secrets = parseWebhookSecrets(webhookSecret);
  if (!secrets.ok) throw new NodeOperationError(context.getNode(), `The webhook secret ${secrets.problem}`);
  return secrets.keys;
}

/** Starts a workflow with each message that chat-relay delivers. */
export class ChatRelayTrigger implements INodeType {
  description: INodeTypeDescription = {
    displayName: "Chat Relay Trigger",
    name: "chatRelayTrigger",
    icon: { light: "file:../../icons/chat-relay.svg", dark: "file:../../icons/chat-relay.dark.svg" },
    group: ["trigger"],
    version: 1,
    subtitle:
      '={{ { lastNode: "answers when done", streaming: "streams", onReceived: "answers later" }[$parameter["responseMode"]] }}',
    description: "Starts the workflow when a visitor writes to chat-relay",
    eventTriggerDescription: "Waiting for chat-relay to call the test URL",
    activationMessage: "Set the production URL as CHAT_N8N_WEBHOOK_URL of chat-relay.",
    defaults: { name: "Chat Relay Trigger" },
    inputs: [],
    outputs: [NodeConnectionTypes.Main],
    credentials: [{ name: "chatRelayApi", required: true, testedBy: "testCredential" }],
    webhooks: [
      {
        name: "default",
        httpMethod: "POST",
        path: "chat-relay",
        responseMode: '={{$parameter["responseMode"]}}',
        responseData: '={{$parameter["responseMode"] === "lastNode" ? "allEntries" : undefined}}',
      },
    ],
    properties: [
      {
        displayName:
          "Set the production URL above as CHAT_N8N_WEBHOOK_URL of chat-relay, and publish (activate) the workflow",
        name: "urlNotice",
        type: "notice",
        default: "",
      },
      {
        displayName: "Answer",
        name: "responseMode",
        type: "options",
        noDataExpression: true,
        options: [
          {
            name: "Later, by Chat Relay Node",
            value: "onReceived",
            description:
              "Take the message at once and answer with the Chat Relay node. For work that takes minutes, for several replies, for people who answer.",
          },
          {
            name: "Streaming",
            value: "streaming",
            description: "Show the answer while it is written. Needs a node that streams, such as AI Agent.",
          },
          {
            name: "When Last Node Finishes",
            value: "lastNode",
            description:
              "The items of the last node are the replies: the text in output, else in text, reply or content",
          },
        ],
        default: "lastNode",
        description: "How the visitor gets the answer",
      },
    ],
  };

  methods = { credentialTest };

  // There is nothing to register: chat-relay is told the URL by its CHAT_N8N_WEBHOOK_URL.
  webhookMethods = {
    default: {
      checkExists: async () => true,
      create: async () => true,
      delete: async () => true,
    },
  };

  async webhook(this: IWebhookFunctions): Promise<IWebhookResponseData> {
    const node = this.getNode();
    return receiveMessage({
      request: this.getRequestObject(),
      response: this.getResponseObject(),
      keys: await keysOf(this),
      responseMode: this.getNodeParameter("responseMode") as ResponseMode,
      trigger: `${this.getWorkflow().id} ${node.id}`,
      // Who tests a workflow may send the same call again and again.
      memory: this.getMode() === "manual" ? undefined : memory,
      onRefused: (reason) => this.logger.warn(`chat-relay call refused: ${reason}`, { nodeName: node.name }),
    });
  }
}
