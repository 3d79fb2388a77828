/** Why the gateway, or the way to it, said no. */
export interface ChatProblem {
  /**
   * One of the gateway's stable codes (`rate_limited`, `unauthorized`, …); `http_<status>` for an answer that is not
   * the gateway's, `network` when there was none, `identity` when `getUserToken` failed.
   */
  readonly code: string;
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  readonly detail: string;
  /** How long the gateway asked to wait, if it did. */
  readonly retryAfterMs: number | null;
}

const RETRY_AFTER_MAX_MS = 3_600_000;

/** `Retry-After` in seconds or as a date; null for none or junk. */
export function retryAfterMs(header: string | null): number | null {
  if (header === null) return null;
  const ms = /^\s*\d+\s*$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), RETRY_AFTER_MAX_MS) : null;
}

function textOf(value: unknown, otherwise: string): string {
  return typeof value === "string" ? value : otherwise;
}

/** What a refusal says. Its body may be anybody's: a proxy's page, or nothing. */
export async function readProblem(response: Response): Promise<ChatProblem> {
  const { status, statusText, headers } = response;
  const body = await response.json().catch(() => null);
  return {
    code: textOf(body?.code, `http_${status}`),
    status,
    detail: textOf(body?.detail, statusText),
    retryAfterMs: retryAfterMs(headers.get("retry-after")),
  };
}

/** What is known when nothing of use came back. */
export function localProblem(code: "network" | "identity", error: unknown): ChatProblem {
  return { code, status: 0, detail: error instanceof Error ? error.message : String(error), retryAfterMs: null };
}

/** Whether the same request may succeed later. 408 and 425 ask for just that. */
export function isTransient(problem: ChatProblem): boolean {
  const { status } = problem;
  return status === 0 || status >= 500 || [408, 425, 429].includes(status) || isOfSomebodyElse(problem);
}

/** Whether the session's token is of no use any more. */
export function isGone(problem: ChatProblem): boolean {
  return [401, 410].includes(problem.status) && !isOfSomebodyElse(problem);
}

/** A balancer whose gateways are away may say that there is nothing here, and a proxy that it wants to know us first. */
function isOfSomebodyElse({ status, code }: ChatProblem): boolean {
  return [401, 404, 410].includes(status) && code === `http_${status}`;
}
