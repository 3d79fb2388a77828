import { z } from "zod";

/**
 * A piece of a streamed reply: the text of the block becomes its first `offset` UTF-16 units followed by `content`.
 * Withdrawn text is offset 0 with empty content.
 */
export const replyPiece = z.object({
  /** Which of the message's replies, from 0 in the order of their beginnings. */
  block: z.int().min(0),
  offset: z.int().min(0),
  content: z.string(),
});
export type ReplyPiece = z.output<typeof replyPiece>;

/** What a visitor's browser is told of it. */
export const replyDelta = z.object({ replyTo: z.uuid(), ...replyPiece.shape });
export type ReplyDelta = z.output<typeof replyDelta>;

/** Pieces as they travel to those who follow the session. They are never the truth: the finished reply replaces them. */
export const replyPieces = z.object({
  /** Of whoever sends them: the same again is the same pieces. */
  id: z.string().min(1).max(128),
  sessionId: z.uuid(),
  replyTo: z.uuid(),
  /** The attempt whose answer they are of, which may yet come to nothing; 0 for a callback's. */
  attempt: z.int().min(0),
  /** The session's last message when this text began: a reply that was stored later is the end of it. */
  afterSequence: z.int().min(0),
  pieces: z.array(replyPiece).min(1),
});
export type ReplyPieces = z.output<typeof replyPieces>;
