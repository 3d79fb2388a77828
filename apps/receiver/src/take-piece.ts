import type { Bus } from "@chat-relay/bus/bus";
import { publishPieces } from "@chat-relay/bus/live-log";
import type { ChatConfig } from "@chat-relay/core/config";
import { ChatError } from "@chat-relay/core/errors";
import type { Database } from "@chat-relay/database/database";
import { placePiece } from "@chat-relay/database/place-piece";
import { createLocalRateLimiter, type RateLimiter } from "@chat-relay/database/rate-limiter";
import { consumeLimit } from "./consume-limit.ts";
import type { PieceCallback } from "./parse-callback.ts";
import { REFUSALS } from "./refusals.ts";
import type { SignedCallback } from "./signed-callback.ts";

export interface TakenPiece {
  accepted: true;
}

/** The bus, as far as the live log needs it. */
export type LiveLog = Pick<Bus, "client" | "heal">;

interface Parts {
  config: ChatConfig;
  database: Database;
  bus: LiveLog;
  limiter: RateLimiter | undefined;
}

/** Of the message on the bus, beside the piece itself. */
const ENVELOPE_BYTES = 1_024;

async function show({ bus }: Parts, callbackId: string, piece: PieceCallback, afterSequence: number): Promise<void> {
  const { sessionId, replyTo, offset, content } = piece;
  // The sender's id is that of the pieces: the bus keeps a repeat out, and so does whoever shows them.
  const common = { id: callbackId, sessionId, replyTo, attempt: 0, afterSequence };
  try {
    await publishPieces(bus, { ...common, pieces: [{ block: 0, offset, content }] });
  } catch (error) {
    bus.heal().catch(() => undefined); // whose stream may have been taken away
    throw error;
  }
}

/**
 * Takes pieces of replies: returns once a piece is in the live log, or throws why it is refused. One for a message that has
 * its reply is taken and not shown: the finished text has replaced it.
 */
export function createTakePiece(dependencies: Omit<Parts, "limiter">) {
  const { config, database } = dependencies;
  const limiter = createLocalRateLimiter("pieces", config.rateLimitPieces, config.rateLimitDisabled);
  const parts = { ...dependencies, limiter };
  return async (request: SignedCallback, piece: PieceCallback): Promise<TakenPiece> => {
    const { sessionId, replyTo } = piece;
    // Written anew, a body never gets longer.
    if (request.body.length > config.streamMessageMaxBytes - ENVELOPE_BYTES) {
      throw new ChatError("payload_too_large", "The piece is larger than an event on the bus may be");
    }
    await consumeLimit(limiter, sessionId, request.onLimit);
    const place = await placePiece(database, sessionId, replyTo);
    if (place.kind === "open") await show(parts, request.callbackId, piece, place.afterSequence);
    else if (place.kind !== "answered") throw REFUSALS[place.kind]();
    return { accepted: true };
  };
}
