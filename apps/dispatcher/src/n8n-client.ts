import type { ChatConfig } from "@chat-relay/core/config";
import { Agent, buildConnector, errors, request, type Dispatcher } from "undici";
import { N8nStarting } from "./n8n-starting.ts";

/** What came of one call. */
export type CallResult =
  /** A whole answer; of one that is not 2xx only the beginning of its body. */
  | { kind: "answered"; status: number; headers: AnswerHeaders; body: Buffer }
  | { kind: "too_large"; status: number | null; problem: string }
  /** The connection broke after the request was sent, or the answer came in part. */
  | { kind: "broken"; status: number | null; problem: string }
  | { kind: "deadline"; status: number | null }
  /** No connection, or an n8n that is only starting: no workflow saw the call. The problem names no address. */
  | { kind: "unreachable"; problem: string }
  /** The caller gave the call up. */
  | { kind: "aborted" };

export interface AnswerHeaders {
  contentType: string;
  contentEncoding: string | undefined;
  retryAfter: string | undefined;
}

export interface Call {
  headers: Record<string, string>;
  body: Buffer;
  /** Gives the call up. */
  signal: AbortSignal;
  /** Hears the body of a 2xx answer as it comes, unless it is encoded. */
  onBody?: (chunk: Buffer) => void;
}

/** n8n's webhook as the dispatcher sees it. */
export interface N8nClient extends AsyncDisposable {
  call(call: Call): Promise<CallResult>;
  /** One connection and nothing more; throws when there is none to be had, with a message that names no address. */
  probe(): Promise<void>;
}

export type N8nClientOptions = Pick<
  ChatConfig,
  | "n8nWebhookUrl"
  | "webhookTimeoutMs"
  | "webhookConnectTimeoutMs"
  | "responseMaxBytes"
  | "n8nStartingMaxMs"
  | "breakerProbeMaxMs"
>;

/** Beginning of a refusal's body that is kept for the operator, and how long it may take to come. */
const EXCERPT_BYTES = 2_048;
const EXCERPT_MS = 1_000;

const PAST_DEADLINE = Symbol("the call's deadline has passed");

/** Marks what went wrong before any byte of a request was sent. */
class UnreachableError extends Error {
  override readonly name = "UnreachableError";
}

type Connector = ReturnType<typeof buildConnector>;

function describe(error: unknown): string {
  if (!(error instanceof Error)) return "unknown error";
  const { code } = error as NodeJS.ErrnoException;
  // Its code alone, for the logs: messages of network errors may name what is in the URL.
  return code === undefined ? error.name : code;
}

function markingConnector(connectTimeoutMs: number): Connector {
  const connect = buildConnector({ timeout: connectTimeoutMs });
  return (options, callback) => {
    connect(options, (...result) => {
      const [error] = result;
      if (error !== null) callback(new UnreachableError(describe(error), { cause: error }), null);
      else callback(...result);
    });
  };
}

function probeWith(connector: Connector, target: URL): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const port = target.port === "" ? (target.protocol === "https:" ? "443" : "80") : target.port;
  const hostname = target.hostname.replace(/^\[|\]$/g, "");
  connector({ hostname, host: target.host, protocol: target.protocol, port }, (error, socket) => {
    socket?.destroy();
    if (error === null) resolve();
    else reject(error);
  });
  return promise;
}

function firstValue(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

function readHeaders(headers: Dispatcher.ResponseData["headers"]): AnswerHeaders {
  return {
    contentType: firstValue(headers["content-type"]) ?? "",
    contentEncoding: firstValue(headers["content-encoding"]),
    retryAfter: firstValue(headers["retry-after"]),
  };
}

/** At most `maxBytes`; undefined when there is more. */
async function readAtMost(
  body: Dispatcher.ResponseData["body"],
  maxBytes: number,
  onChunk: (chunk: Buffer) => void,
): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) return undefined; // leaving the loop destroys the body and its connection
    chunks.push(chunk);
    onChunk(chunk);
  }
  return Buffer.concat(chunks, length);
}

/** Whether the body is something else than its content type says: we asked for no such thing. */
export function isEncoded({ contentEncoding }: AnswerHeaders): boolean {
  const encoding = contentEncoding?.trim().toLowerCase() ?? "";
  return encoding !== "" && encoding !== "identity";
}

/** What can be had of it: a refusal is one, whatever becomes of its body. */
async function readExcerpt(body: Dispatcher.ResponseData["body"]): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  const timer = setTimeout(() => body.destroy(), EXCERPT_MS);
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= EXCERPT_BYTES) break;
    }
  } catch {
    // broken off, or too slow
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(chunks).subarray(0, EXCERPT_BYTES);
}

function classify(error: unknown, status: number | null, ended: AbortSignal): CallResult {
  // First: undici tells of a deadline that passed while it was connecting only when the connection has failed.
  if (error instanceof UnreachableError) return { kind: "unreachable", problem: error.message };
  if (ended.aborted) return ended.reason === PAST_DEADLINE ? { kind: "deadline", status } : { kind: "aborted" };
  if (error instanceof errors.HeadersOverflowError)
    return { kind: "too_large", status, problem: "headers are too large" };
  return { kind: "broken", status, problem: describe(error) };
}

class HttpN8nClient implements N8nClient {
  #options: N8nClientOptions;
  #connector: Connector;
  #agent: Agent;
  #starting: N8nStarting;

  constructor(options: N8nClientOptions) {
    this.#options = options;
    this.#connector = markingConnector(Math.min(options.webhookConnectTimeoutMs, options.webhookTimeoutMs));
    this.#agent = this.#createAgent();
    this.#starting = new N8nStarting(options);
  }

  async call(call: Call): Promise<CallResult> {
    const agent = this.#agent;
    const result = await this.#request(call, agent);
    const problem = this.#starting.problemOf(result, performance.now());
    if (problem === undefined) return result;
    this.#leave(agent);
    return { kind: "unreachable", problem };
  }

  async #request({ headers, body, signal, onBody }: Call, agent: Agent): Promise<CallResult> {
    // One signal for both reasons to end it, which is cheaper than a compound one.
    const ending = new AbortController();
    const giveUp = () => ending.abort();
    const timer = setTimeout(() => ending.abort(PAST_DEADLINE), this.#options.webhookTimeoutMs);
    signal.addEventListener("abort", giveUp);
    if (signal.aborted) giveUp();
    let status: number | null = null;
    try {
      const response = await request(this.#options.n8nWebhookUrl, {
        method: "POST",
        headers,
        body,
        dispatcher: agent,
        signal: ending.signal,
      });
      status = response.statusCode;
      return await this.#read(response, onBody);
    } catch (error) {
      return classify(error, status, ending.signal);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", giveUp);
    }
  }

  async #read(response: Dispatcher.ResponseData, onBody: Call["onBody"]): Promise<CallResult> {
    const status = response.statusCode;
    const headers = readHeaders(response.headers);
    if (status < 200 || status > 299)
      return { kind: "answered", status, headers, body: await readExcerpt(response.body) };
    const { responseMaxBytes } = this.#options;
    const hear = onBody === undefined || isEncoded(headers) ? () => undefined : onBody;
    const body = await readAtMost(response.body, responseMaxBytes, hear);
    if (body === undefined)
      return { kind: "too_large", status, problem: `body is larger than ${responseMaxBytes} bytes` };
    return { kind: "answered", status, headers, body };
  }

  async probe(): Promise<void> {
    try {
      await probeWith(this.#connector, new URL(this.#options.n8nWebhookUrl));
    } catch (error) {
      this.#starting.forget();
      throw error;
    }
  }

  #createAgent(): Agent {
    // undici's own timeouts are between bytes; the deadline here is for the whole call.
    return new Agent({ connect: this.#connector, headersTimeout: 0, bodyTimeout: 0, pipelining: 1 });
  }

  /**
   * Closes the agent's kept connections. An n8n that is busy starting closes them when it gets round to it, which may be just
   * when the next call is written: that call would be a broken one, and an attempt spent. Calls under way are finished.
   */
  #leave(agent: Agent): void {
    if (agent !== this.#agent) return; // left already
    this.#agent = this.#createAgent();
    void agent.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }
}

/** A client with kept-alive connections, a total deadline, capped answers and no redirects. */
export function createN8nClient(options: N8nClientOptions): N8nClient {
  return new HttpN8nClient(options);
}
