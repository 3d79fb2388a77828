import { within } from "./abort.ts";
import { localProblem, readProblem, type ChatProblem } from "./problem.ts";

/** What came back: data of the expected shape, or why not. */
export type Answer<T> = { readonly ok: true; readonly data: T } | { readonly ok: false; readonly problem: ChatProblem };

export interface Call<T> {
  readonly method: "GET" | "POST" | "DELETE";
  /** Below `/api/chat`. */
  readonly path: string;
  readonly token?: string;
  readonly body?: object;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** Lets the request outlive its page. */
  readonly keepalive?: boolean;
  readonly isExpected: (data: unknown) => data is T;
}

/** Speaks HTTP with the gateway. The token goes into a header, never into a URL, which would end up in logs. */
export class Gateway {
  readonly base: string;
  #fetch: typeof globalThis.fetch;

  constructor(url: string | URL, fetch: typeof globalThis.fetch | undefined) {
    const { origin, pathname } = new URL(url, globalThis.location?.href);
    this.base = origin + pathname.replace(/\/+$/, "");
    // Looked up late and called without an object: browsers refuse a fetch that is called as somebody's method.
    this.#fetch = fetch ?? ((...request) => globalThis.fetch(...request));
  }

  /** One request with a JSON answer. Never throws: what goes wrong is part of the answer. */
  async call<T>({ method, path, token, body, signal, timeoutMs, keepalive, isExpected }: Call<T>): Promise<Answer<T>> {
    try {
      return await within(timeoutMs, signal, async (signal): Promise<Answer<T>> => {
        const headers = {
          ...(token === undefined ? {} : authorization(token)),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        };
        const content = body === undefined ? {} : { body: JSON.stringify(body) };
        const response = await this.#request(path, {
          method,
          headers,
          ...content,
          signal,
          keepalive: keepalive ?? false,
        });
        if (!response.ok) return { ok: false, problem: await readProblem(response) };
        const data: unknown = response.status === 204 ? null : await response.json();
        if (!isExpected(data)) throw new Error("The answer is not the gateway's");
        return { ok: true, data };
      });
    } catch (error) {
      return { ok: false, problem: localProblem("network", error) };
    }
  }

  /** Opens the live stream of a session; throws when there is no answer. */
  stream(sessionId: string, token: string, lastEventId: string, signal: AbortSignal): Promise<Response> {
    const resume = lastEventId === "" ? {} : { "last-event-id": lastEventId };
    const headers = { ...authorization(token), accept: "text/event-stream", ...resume };
    return this.#request(`/stream/${sessionId}`, { headers, signal });
  }

  #request(path: string, init: RequestInit): Promise<Response> {
    const fetch = this.#fetch;
    return fetch(`${this.base}/api/chat${path}`, { ...init, cache: "no-store" });
  }
}

function authorization(token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` };
}
