import type { Bus } from "@chat-relay/bus/bus";
import { forgetPieces, publishPieces } from "@chat-relay/bus/live-log";
import type { ChatConfig } from "@chat-relay/core/config";
import type { Claim } from "@chat-relay/database/claim-delivery";
import type { Logger } from "@chat-relay/service/logger";
import { N8nStream, type StreamResult } from "./n8n-stream.ts";
import { PieceSender } from "./piece-sender.ts";

export interface LiveDependencies {
  config: ChatConfig;
  bus: Bus;
  logger: Logger;
}

/** The reading of one answer that may turn out to be n8n's stream. */
export interface LiveAnswer extends Disposable {
  write: (chunk: Uint8Array) => void;
  /** The body has ended properly: what it said, if it was a stream. */
  end: () => StreamResult | undefined;
  /** Text of it was shown to those who follow the session, or may have been. */
  wasShown: () => boolean;
}

/** Of a message on the bus, beside the piece itself. */
const ENVELOPE_BYTES = 1_024;
/** What one UTF-16 unit may become in JSON. */
const UNIT_MAX_BYTES = 6;
const PIECE_MAX_UNITS = 65_536;

function pieceMaxUnits({ streamMessageMaxBytes }: Pick<ChatConfig, "streamMessageMaxBytes">): number {
  return Math.min(PIECE_MAX_UNITS, Math.floor((streamMessageMaxBytes - ENVELOPE_BYTES) / UNIT_MAX_BYTES));
}

/** Its stream may have been taken away. */
async function heal(bus: Bus): Promise<void> {
  await bus.heal().catch(() => undefined);
}

/** Reads an answer as it comes and shows the text of n8n's stream to whoever follows the session. */
export function showLive({ config, bus, logger }: LiveDependencies, claim: Claim): LiveAnswer {
  const { sessionId, messageId: replyTo, attempt } = claim;
  const sender = new PieceSender({
    reply: { sessionId, replyTo, attempt, afterSequence: claim.position.sequence },
    run: claim.leaseToken,
    piecesPerSecond: config.piecesPerSecond,
    pieceMaxUnits: pieceMaxUnits(config),
    connected: () => bus.connected,
    publish: (pieces) => publishPieces(bus, pieces),
    onConnected: (listener) => bus.onConnected(listener),
    onFailure: (reason) => {
      logger.warn({ err: reason, messageId: replyTo }, "live.piece_delayed");
      void heal(bus);
    },
  });
  const stream = new N8nStream({ limits: config, onText: (block, text) => sender.append(block, text) });
  return {
    write: (chunk) => stream.write(chunk),
    end: () => stream.finish(),
    wasShown: () => sender.hasSent,
    [Symbol.dispose]: () => sender.end(),
  };
}

/** The message has its reply, which takes the place of its pieces. What stays of them is shown to nobody. */
export function forgetLive({ bus, logger }: LiveDependencies, { sessionId, messageId }: Claim): void {
  forgetPieces(bus, sessionId, messageId).catch((error: unknown) => {
    logger.debug({ err: error, messageId }, "live.pieces_left");
  });
}
