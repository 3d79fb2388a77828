import type { ChatConfig } from "@chat-relay/core/config";
import { Agent, buildConnector } from "undici";
import { N8nCall, UnreachableError, type CallResult } from "./n8n-call.ts";
import { N8nStarting } from "./n8n-starting.ts";

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

type Connector = ReturnType<typeof buildConnector>;

function markingConnector(connectTimeoutMs: number): Connector {
  const connect = buildConnector({ timeout: connectTimeoutMs });
  return (options, callback) => {
    connect(options, (...result) => {
      const [error] = result;
      if (error !== null) callback(new UnreachableError(error), null);
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

class HttpN8nClient implements N8nClient {
  #options: N8nClientOptions;
  #connector: Connector;
  #agent: Agent;
  #starting: N8nStarting;
  #origin: string;
  #path: string;

  constructor(options: N8nClientOptions) {
    this.#options = options;
    const { origin, pathname, search } = new URL(options.n8nWebhookUrl);
    this.#origin = origin;
    this.#path = `${pathname}${search}`;
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
    const { responseMaxBytes, webhookTimeoutMs } = this.#options;
    const call = new N8nCall({ responseMaxBytes, onBody });
    const timer = setTimeout(() => call.passDeadline(), webhookTimeoutMs);
    const giveUp = () => call.giveUp();
    signal.addEventListener("abort", giveUp);
    if (signal.aborted) giveUp();
    agent.dispatch({ origin: this.#origin, path: this.#path, method: "POST", headers, body }, call);
    try {
      return await call.result;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", giveUp);
    }
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
