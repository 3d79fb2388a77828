import type {
  IAuthenticateRuleResponseSuccessBody,
  ICredentialTestRequest,
  ICredentialType,
  INodeProperties,
} from "n8n-workflow";
import { signRequest } from "../src/sign-request.ts";

function problem(code: string | undefined, message: string): IAuthenticateRuleResponseSuccessBody {
  return { type: "responseSuccessBody", properties: { key: "code", value: code, message } };
}

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

  // Signed, with nothing in it: a receiver that has the same secret refuses it as invalid and stores nothing. n8n can only
  // be told what an answer must not be.
  test: ICredentialTestRequest = {
    request: { url: "={{$credentials.callbackUrl}}", method: "POST", body: {}, ignoreHttpStatusErrors: true },
    rules: [
      problem("unauthorized", "chat-relay has another secret, or its clock and n8n's are apart"),
      problem("unavailable", "chat-relay cannot take replies now; try again"),
      problem("rate_limited", "Too many tests in a row; try again in a minute"),
      problem("not_found", "There is no receiver of chat-relay at this address"),
      problem(undefined, "There is no receiver of chat-relay at this address"),
    ],
  };
}
