import type { Seen } from "./load.ts";

const TIMEOUT_MS = 20_000;

/** A request at its end: what it came to, and the answer's text, or why there is none. */
export interface Posted {
  seen: Seen;
  text: string;
}

type Answered = Pick<Seen, "status" | "retryAfter" | "isProblem" | "lost"> & { text: string };

/** Whether it is the problem document that a refusal is to be (RFC 9457), of the status that it came with. */
function isProblem({ status, headers }: Response, text: string): boolean {
  if (headers.get("content-type")?.startsWith("application/problem+json") !== true) return false;
  try {
    const { type, status: told } = JSON.parse(text) as { type?: unknown; status?: unknown };
    return typeof type === "string" && told === status;
  } catch {
    return false;
  }
}

/** The client's code for why a connection failed; where it has none, what it says of it. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown error";
  const { code } = (error.cause ?? {}) as { code?: unknown };
  return typeof code === "string" ? code : `${error.name}: ${error.message}`;
}

async function ask(url: string, init: RequestInit): Promise<Answered> {
  try {
    const response = await fetch(url, init);
    const text = await response.text();
    const retryAfter = response.headers.get("retry-after");
    return { status: response.status, retryAfter, isProblem: isProblem(response, text), lost: undefined, text };
  } catch (error) {
    const lost = reasonOf(error);
    return { status: 0, retryAfter: null, isProblem: false, lost, text: lost };
  }
}

/** Makes one POST and writes down what it came to; whatever that is, it is no exception. */
export async function postOnce(
  url: string,
  headers: Record<string, string>,
  body: string | Buffer,
  timeoutMs = TIMEOUT_MS,
): Promise<Posted> {
  const atMs = Date.now();
  const startedAtMs = performance.now();
  const signal = AbortSignal.timeout(timeoutMs);
  const { text, ...answer } = await ask(url, { method: "POST", headers, body, signal });
  return { seen: { ...answer, atMs, tookMs: performance.now() - startedAtMs }, text };
}
