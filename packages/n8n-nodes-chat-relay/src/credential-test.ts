import type {
  ICredentialDataDecryptedObject,
  ICredentialsDecrypted,
  ICredentialTestFunctions,
  INodeCredentialTestResult,
} from "n8n-workflow";
import { jsonObjectOf } from "./json-object-of.ts";
import { signRequest } from "./sign-request.ts";
import { textOf } from "./text-of.ts";

const TIMEOUT_MS = 10_000;
const NO_RECEIVER = "There is no receiver of chat-relay at this address";

const PROBLEMS = new Map([
  ["unauthorized", "chat-relay has another secret, or its clock and n8n's are apart"],
  ["unavailable", "chat-relay cannot take replies now; try again"],
  ["rate_limited", "Too many tests in a row; try again in a minute"],
]);

function failed(message: string): INodeCredentialTestResult {
  return { status: "Error", message };
}

/** What chat-relay says to a callback with nothing in it: one that has the same secret refuses it as invalid. */
function verdict(answer: unknown): INodeCredentialTestResult {
  const code = textOf(jsonObjectOf(answer)?.["code"]);
  if (code === "validation_failed") return { status: "OK", message: "chat-relay has the same secret" };
  return failed(PROBLEMS.get(code) ?? NO_RECEIVER);
}

async function tested(
  request: ICredentialTestFunctions["helpers"]["request"],
  data: ICredentialDataDecryptedObject,
): Promise<INodeCredentialTestResult> {
  const url = textOf(data["callbackUrl"]).trim();
  try {
    const signed = await signRequest(data, { url, method: "POST", body: {} });
    if (url === "") return { status: "OK", message: "Not tested: no callback URL" };
    return verdict(await request({ ...signed, simple: false, followRedirect: false, timeout: TIMEOUT_MS }));
  } catch (error) {
    return failed((error as Error).message);
  }
}

/** Of the nodes, for their credential: whether chat-relay takes what is signed with it. Stores nothing there. */
export const credentialTest = {
  testCredential(this: ICredentialTestFunctions, { data = {} }: ICredentialsDecrypted) {
    const { request } = this.helpers; // n8n has no other here
    return tested(request, data);
  },
};
