import { isId } from "@chat-relay/core/ids";
import type { Database } from "./database.ts";

export type PiecePlace =
  /** The message waits for its reply. `afterSequence`: the session's last message now; a reply that is stored later has a higher one. */
  | { kind: "open"; afterSequence: number }
  /** Its reply is stored: a piece could only bring back text that was replaced. */
  | { kind: "answered" }
  | { kind: "session_not_found" }
  | { kind: "reply_to_not_found" }
  /** `replyTo` is of another session, or not a visitor's message. */
  | { kind: "reply_to_conflict" };

const PLACE_PIECE = {
  name: "place-piece",
  text: `
    SELECT s.next_sequence - 1 AS last_sequence, m.id IS NOT NULL AS known,
      m.session_id = s.id AND m.role = 'user' AS fits, q.answered_at IS NOT NULL AS answered
    FROM chat_session s
      LEFT JOIN chat_message m ON m.id = $2
      LEFT JOIN chat_webhook_queue q ON q.message_id = m.id
    WHERE s.id = $1`,
};

interface PlaceRow {
  last_sequence: number;
  known: boolean;
  fits: boolean | null;
  answered: boolean;
}

const NOBODY = "00000000-0000-0000-0000-000000000000";

/** Where a piece of a reply belongs that comes by callback. */
export async function placePiece(database: Database, sessionId: string, replyTo: string): Promise<PiecePlace> {
  if (!isId(sessionId)) return { kind: "session_not_found" };
  const [row] = await database.query<PlaceRow>(PLACE_PIECE, [sessionId, isId(replyTo) ? replyTo : NOBODY]);
  if (row === undefined) return { kind: "session_not_found" };
  if (!row.known) return { kind: "reply_to_not_found" };
  if (row.fits !== true) return { kind: "reply_to_conflict" };
  return row.answered ? { kind: "answered" } : { kind: "open", afterSequence: row.last_sequence };
}
