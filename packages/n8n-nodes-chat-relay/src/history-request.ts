import { callbackUrlOf, type CallbackSource } from "./callback.ts";
import type { NodeSettings } from "./node-settings.ts";

/** What the receiver is asked for a page of a history with, or what is missing for it. */
export type HistoryRequest = { ok: true; url: string; body: object } | { ok: false; problem: string };

const WEBHOOK_AT_THE_END = /\/webhook\/?$/;

/** Puts together what one item of the node asks of chat-relay. The history lies beside the callbacks. */
export function historyRequestOf(
  { sessionId, limit, before }: Pick<NodeSettings, "sessionId" | "limit" | "before">,
  source: Pick<CallbackSource, "callbackUrl" | "started">,
): HistoryRequest {
  if (sessionId === "") return { ok: false, problem: "There is no session ID" };
  const callbackUrl = callbackUrlOf(source);
  if (callbackUrl === "") return { ok: false, problem: "The credential has no callback URL" };
  if (!WEBHOOK_AT_THE_END.test(callbackUrl)) {
    return { ok: false, problem: "The callback URL does not end in /webhook, so the history's address is not known" };
  }
  const url = callbackUrl.replace(WEBHOOK_AT_THE_END, "/history");
  return { ok: true, url, body: { sessionId, limit, ...(before === "" ? {} : { before }) } };
}
