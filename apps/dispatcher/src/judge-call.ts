import type { ChatConfig } from "@chat-relay/core/config";
import { backoffDelayMs, retryAfterDelayMs } from "@chat-relay/core/retry-policy";
import { toStorable, truncateText } from "@chat-relay/core/text";
import type { Settlement } from "@chat-relay/database/settle-delivery";
import { isEncoded, type CallResult } from "./n8n-call.ts";
import type { StreamResult } from "./n8n-stream.ts";
import { readReplies } from "./read-replies.ts";

export type JudgeLimits = Pick<
  ChatConfig,
  | "queueMaxAttempts"
  | "queueBackoffMs"
  | "queueBackoffMaxMs"
  | "retryAfterMinMs"
  | "retryAfterMaxMs"
  | "replyMaxBytes"
  | "replyMaxCount"
>;

export interface JudgeContext {
  limits: JudgeLimits;
  /** Attempts of the message's budget, this one included. */
  budgetUsed: number;
  durationMs: number;
  nowMs: number;
  /** Ends the reading of the body as n8n's stream; undefined when it is none. */
  endStream: () => StreamResult | undefined;
  /** 0 ≤ random < 1, for the jitter. */
  random: number;
}

type Verdict =
  | { kind: "delivered"; httpStatus: number; replies: string[] }
  | { kind: "may_retry"; httpStatus: number | null; error: string; retryAfter?: string | undefined }
  | { kind: "cannot_help"; httpStatus: number | null; error: string }
  | { kind: "not_made" };

const ERROR_MAX_CHARS = 500;
const GONE = 410;
const RETRY_AFTER_STATUSES = [429, 503];

type Answered = Extract<CallResult, { kind: "answered" }>;

function judgeRefusal({ status, headers, body }: Answered): Verdict {
  const excerpt = new TextDecoder().decode(body).trim();
  const error = excerpt === "" ? `n8n answered ${status}` : `n8n answered ${status}: ${excerpt}`;
  if (status === GONE) return { kind: "cannot_help", httpStatus: status, error };
  const retryAfter = RETRY_AFTER_STATUSES.includes(status) ? headers.retryAfter : undefined;
  return { kind: "may_retry", httpStatus: status, error, retryAfter };
}

function judgeStream(status: number, stream: StreamResult): Verdict {
  switch (stream.kind) {
    case "replies":
      return { kind: "delivered", httpStatus: status, replies: stream.replies };
    case "error":
      return { kind: "may_retry", httpStatus: status, error: stream.problem };
    case "unreadable":
      return { kind: "cannot_help", httpStatus: status, error: `the answer ${stream.problem}` };
  }
}

function judgeAnswer(answer: Answered, { limits, endStream }: JudgeContext): Verdict {
  const { status, headers, body } = answer;
  if (status < 200 || status > 299) return judgeRefusal(answer);
  const unreadable = (problem: string): Verdict => ({
    kind: "cannot_help",
    httpStatus: status,
    error: `the answer ${problem}`,
  });
  if (isEncoded(headers) && body.length > 0) return unreadable("is compressed");
  const stream = endStream();
  if (stream !== undefined) return judgeStream(status, stream);
  const read = readReplies({ contentType: headers.contentType, body }, limits);
  if (read.kind === "unreadable") return unreadable(read.problem);
  return { kind: "delivered", httpStatus: status, replies: read.replies };
}

function judge(result: CallResult, context: JudgeContext): Verdict {
  switch (result.kind) {
    case "answered":
      return judgeAnswer(result, context);
    case "too_large":
      return {
        kind: "cannot_help",
        httpStatus: result.status,
        error: `the answer is over its limits: ${result.problem}`,
      };
    case "broken":
      return { kind: "may_retry", httpStatus: result.status, error: `the connection broke: ${result.problem}` };
    case "deadline":
      return { kind: "may_retry", httpStatus: result.status, error: "n8n did not finish its answer in time" };
    case "unreachable":
    case "aborted":
      return { kind: "not_made" };
  }
}

function retryDelayMs(retryAfter: string | undefined, context: JudgeContext): number {
  const { limits, budgetUsed, nowMs, random } = context;
  return retryAfterDelayMs(retryAfter, limits, nowMs, random) ?? backoffDelayMs(budgetUsed, limits, random);
}

/** Decides by the contract's rules what becomes of a message after a call. */
export function judgeCall(result: CallResult, context: JudgeContext): Settlement {
  return settlementOf(judge(result, context), context);
}

/** Of a message at which the dispatcher itself fails, every time perhaps: an attempt as any other that came to nothing. */
export function judgeFault(context: Omit<JudgeContext, "endStream">): Settlement {
  const error = "the dispatcher failed at this message; its log says why";
  return settlementOf({ kind: "may_retry", httpStatus: null, error }, { ...context, endStream: () => undefined });
}

function settlementOf(verdict: Verdict, context: JudgeContext): Settlement {
  if (verdict.kind === "not_made") return { kind: "handed_back", delayMs: 0 };
  const attempt = { durationMs: context.durationMs, httpStatus: verdict.httpStatus, error: null };
  if (verdict.kind === "delivered") return { kind: "delivered", attempt, replies: verdict.replies };
  const failure = { ...attempt, error: truncateText(toStorable(verdict.error), ERROR_MAX_CHARS) };
  const spent = context.budgetUsed >= context.limits.queueMaxAttempts;
  if (verdict.kind === "cannot_help" || spent) return { kind: "failed", attempt: failure };
  return { kind: "retry", attempt: failure, delayMs: retryDelayMs(verdict.retryAfter, context) };
}
