import type { ICredentialType, INodeProperties } from "n8n-workflow";
import { signRequest } from "../src/sign-request.ts";

/** What n8n and chat-relay share: the secret that both sign with, and where chat-relay takes replies. */
export class ChatRelayApi implements ICredentialType {
  name = "chatRelayApi";

  displayName = "Chat Relay API";

  icon = { light: "file:../icons/chat-relay.svg", dark: "file:../icons/chat-relay.dark.svg" } as const;

  // What secret and signature are after. Once the package is published its README is the better place.
  documentationUrl = "https://www.standardwebhooks.com";

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
        "The address of chat-relay's receiver as n8n reaches it. Leave it empty to answer at the address that each message names; workflows that no message started and AI tools need it, and so does the test of this credential.",
    },
  ];

  // Its test is `testedBy` of the nodes: one that stands here could not tell an empty callback URL from a wrong one.
  authenticate = signRequest;
}
