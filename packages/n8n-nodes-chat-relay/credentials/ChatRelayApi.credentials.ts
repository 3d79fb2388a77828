import type { ICredentialTestRequest, ICredentialType, INodeProperties } from "n8n-workflow";
import { signRequest } from "../src/sign-request.ts";

/** What n8n and chat-relay share: the secret that both sign with, and where chat-relay takes replies. */
export class ChatRelayApi implements ICredentialType {
  name = "chatRelayApi";

  displayName = "Chat Relay API";

  icon = { light: "file:../icons/chat-relay.svg", dark: "file:../icons/chat-relay.dark.svg" } as const;

  documentationUrl = "https://www.npmjs.com/package/n8n-nodes-chat-relay";

  properties: INodeProperties[] = [
    {
      displayName: "Webhook Secret",
      name: "webhookSecret",
      type: "string",
      typeOptions: { password: true },
      default: "",
      required: true,
      description:
        "The CHAT_WEBHOOK_SECRET of chat-relay, as it is there: plain text or whsec_…. During a rotation several, separated by spaces: the first signs, all verify.",
    },
    {
      displayName: "Callback URL",
      name: "callbackUrl",
      type: "string",
      default: "",
      placeholder: "https://chat.example.com/api/chat/webhook",
      description:
        "The address of chat-relay's receiver as n8n reaches it. Leave it empty to answer at the address that each message names; speaking unasked and the test of this credential need it.",
    },
  ];

  authenticate = signRequest;

  // A signed body with nothing in it: the receiver refuses it with 400 once the signature is right, and stores nothing.
  test: ICredentialTestRequest = {
    request: { url: "={{$credentials.callbackUrl}}", method: "POST", body: {}, ignoreHttpStatusErrors: true },
    rules: [
      {
        type: "responseCode",
        properties: { value: 401, message: "chat-relay has another secret, or its clock and n8n's are apart" },
      },
      { type: "responseCode", properties: { value: 404, message: "There is no chat-relay receiver at this address" } },
      { type: "responseCode", properties: { value: 503, message: "chat-relay cannot take replies now" } },
    ],
  };
}
