import type { ChatConfig } from "@chat-relay/core/config";
import type { CallResult } from "./n8n-call.ts";

/** n8n's words while it prepares its database; it says them with status 200. */
const STARTING = "n8n is starting up. Please wait";

/** The same while it does not reach its database, before or after its start: with status 503, and as JSON. */
const NO_DATABASE = "Database is not ready!";

/**
 * What its web server says of every path before its webhooks are there, and ever after of one that is no webhook's. A
 * workflow that is not active is told in JSON.
 */
const NO_ROUTES = /<pre>Cannot POST \//;

export type N8nStartingLimits = Pick<ChatConfig, "n8nStartingMaxMs" | "breakerProbeMaxMs">;

type Answered = Extract<CallResult, { kind: "answered" }>;

function mediaType({ headers }: Answered): string | undefined {
  return headers.contentType.split(";")[0]?.trim().toLowerCase();
}

function errorMessage({ body }: Answered): unknown {
  try {
    return (JSON.parse(body.toString("utf8")) as { message?: unknown } | null)?.message;
  } catch {
    return undefined; // no JSON, or more of it than is kept
  }
}

function saysStarting(answer: Answered): boolean {
  return answer.status === 200 && mediaType(answer) === "text/html" && answer.body.toString("utf8").trim() === STARTING;
}

function saysNoDatabase(answer: Answered): boolean {
  return answer.status === 503 && mediaType(answer) === "application/json" && errorMessage(answer) === NO_DATABASE;
}

function saysNoRoutes(answer: Answered): boolean {
  return answer.status === 404 && mediaType(answer) === "text/html" && NO_ROUTES.test(answer.body.toString("utf8"));
}

/**
 * Tells whether n8n has only said that it is not up: it takes connections some seconds before its workflows. No workflow
 * has seen such a call, which would else be lost to the 200 or, its attempts spent within seconds, to the 404 or 503. The
 * 404 alone may also mean a wrong address, so it counts for `CHAT_N8N_STARTING_MAX_MS` and not for longer.
 */
export class N8nStarting {
  #limits: N8nStartingLimits;
  /** The 404s that came one after another, with nothing else between them. */
  #noRoutes: { sinceMs: number; lastMs: number } | undefined;

  constructor(limits: N8nStartingLimits) {
    this.#limits = limits;
  }

  /** What n8n said of itself, if no workflow has seen the call; `nowMs` is monotonic. */
  problemOf(result: CallResult, nowMs: number): string | undefined {
    if (result.kind === "aborted") return undefined;
    if (result.kind === "answered" && saysNoRoutes(result))
      return this.#areNew(nowMs) ? "n8n knows no such path yet" : undefined;
    this.forget();
    if (result.kind !== "answered") return undefined;
    if (saysStarting(result)) return "n8n is starting up";
    return saysNoDatabase(result) ? "n8n has no database" : undefined;
  }

  /** Something else than an answer was had of n8n: 404s from now on are of another start. */
  forget(): void {
    this.#noRoutes = undefined;
  }

  #areNew(nowMs: number): boolean {
    const { n8nStartingMaxMs, breakerProbeMaxMs } = this.#limits;
    const { sinceMs, lastMs } = this.#noRoutes ?? { sinceMs: nowMs, lastMs: nowMs };
    // While they come the breaker lets calls through at most so far apart; what is further apart is another start.
    const isAnother = nowMs - lastMs > n8nStartingMaxMs + breakerProbeMaxMs;
    this.#noRoutes = { sinceMs: isAnother ? nowMs : sinceMs, lastMs: nowMs };
    return nowMs - this.#noRoutes.sinceMs <= n8nStartingMaxMs;
  }
}
