import type { AddressInfo } from "node:net";
import { publishPieces } from "@chat-relay/bus/live-log";
import { newId } from "@chat-relay/core/ids";
import type { ReplyPiece } from "@chat-relay/core/reply-pieces";
import { claimDelivery, type Claim } from "@chat-relay/database/claim-delivery";
import { settleDelivery, type SettleResult, type Settlement } from "@chat-relay/database/settle-delivery";
import { LiveReader, type LiveReaderOptions } from "@chat-relay/testkit/live-reader";
import { afterEach } from "vitest";
import type { TestGateway, TestStores } from "./test-gateway.ts";

export interface Visitor {
  id: string;
  token: string;
  auth: { authorization: string };
}

/** A gateway that listens, for what `inject` cannot do: streams. */
export interface LiveGateway extends TestGateway {
  url: string;
  /** Opens the visitor's stream; it is closed after the test. */
  read(visitor: Visitor, options?: Partial<LiveReaderOptions>): LiveReader;
  /** Sends a message; returns its id. */
  send(visitor: Visitor, content?: string): Promise<string>;
}

const readers = new Set<LiveReader>();

/** Closes every reader after each test of the file. */
export function closeReadersAfterEach(): void {
  afterEach(() => {
    for (const reader of readers) reader.close();
    readers.clear();
  });
}

/** Lets the gateway listen on a port of its own. */
export async function listening(gateway: TestGateway): Promise<LiveGateway> {
  await gateway.app.listen({ host: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${(gateway.app.server.address() as AddressInfo).port}`;
  return {
    ...gateway,
    url,
    read(visitor, options = {}) {
      const reader = new LiveReader({ url, sessionId: visitor.id, token: visitor.token, ...options });
      readers.add(reader);
      return reader;
    },
    async send(visitor, content = "Hello!") {
      const payload = { sessionId: visitor.id, content };
      const { statusCode, data } = await gateway.call("POST", "/api/chat/send", { headers: visitor.auth, payload });
      if (statusCode !== 202) throw new Error(`not sent: ${statusCode}`);
      return data.id;
    },
  };
}

/** A dispatcher as its session's followers see it. */
export class FakeDispatcher {
  #stores: TestStores;
  #gateway: TestGateway;
  #pieces = 0;

  constructor(stores: TestStores, gateway: TestGateway) {
    this.#stores = stores;
    this.#gateway = gateway;
  }

  async claim(sessionId: string, messageId: string): Promise<Claim> {
    const result = await claimDelivery(this.#stores.database, { sessionId, messageId }, 5_000);
    if (result.kind !== "claimed") throw new Error(`not claimed: ${result.kind}`);
    return result.claim;
  }

  /** Settles and announces what came of it. */
  async settle(claim: Claim, settlement: Settlement): Promise<SettleResult> {
    const result = await settleDelivery(this.#stores.database, claim, settlement);
    if (result.kind === "settled") this.#gateway.publisher.publishChanges([result.change]);
    return result;
  }

  async answer(sessionId: string, messageId: string, replies: string[]): Promise<void> {
    const attempt = { durationMs: 1, httpStatus: 200, error: null };
    await this.settle(await this.claim(sessionId, messageId), { kind: "delivered", attempt, replies });
  }

  async show(claim: Claim, ...pieces: ReplyPiece[]): Promise<void> {
    this.#pieces += 1;
    await publishPieces(this.#stores.bus, {
      id: `${newId()}.${this.#pieces}`,
      sessionId: claim.sessionId,
      replyTo: claim.messageId,
      attempt: claim.attempt,
      afterSequence: claim.position.sequence,
      pieces,
    });
  }
}
