import type { Stack } from "@chat-relay/testkit/stack";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { ADMIN_TOKEN } from "./relay.ts";

const PATIENCE_MS = 30_000;

interface Attempt {
  number: number;
  httpStatus: number | null;
  error: string | null;
  outcome: "delivered" | "retry" | "failed";
}

interface Delivery {
  messageId: string;
  status: string;
  attempts: Attempt[];
}

/** Who watches the deliveries, and sends again what failed. */
export class Operator {
  #url: string;

  constructor(relay: Stack) {
    this.#url = `${relay.gateway.url}/api/chat/admin`;
  }

  delivery(messageId: string): Promise<Delivery> {
    return this.#request("GET", `/deliveries/${messageId}`);
  }

  async deliveries(): Promise<Delivery[]> {
    return (await this.#request<{ deliveries: Delivery[] }>("GET", "/deliveries?limit=100")).deliveries;
  }

  /** Waits until n8n counts as unreachable. */
  async untilBreakerOpen(): Promise<void> {
    const read = () => this.#request<{ breaker: string }>("GET", "/queue");
    await waitFor("the breaker to open", async () => (await read()).breaker === "open", PATIENCE_MS);
  }

  replay(messageId: string): Promise<Delivery> {
    return this.#request("POST", `/deliveries/${messageId}/replay`, {});
  }

  replayAll(status: "failed" | "unanswered"): Promise<{ matched: number; replayed: number }> {
    return this.#request("POST", "/deliveries/replay", { status });
  }

  async #request<T>(method: string, path: string, body?: object): Promise<T> {
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" };
    const init = body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) };
    const response = await fetch(`${this.#url}${path}`, init);
    if (!response.ok) throw new Error(`admin ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }
}
