import pg from "pg";
import { POOL_SIZE } from "./peer-limits.ts";
import type { PeerMessage, PeerReply } from "./peer-message.ts";

const TABLE = `
  CREATE TABLE message (
    id uuid PRIMARY KEY,
    session_id uuid NOT NULL,
    role text NOT NULL,
    content text NOT NULL,
    reply_to uuid UNIQUE,
    created_at timestamptz NOT NULL
  );
  CREATE INDEX message_session ON message (session_id, created_at)`;

const INSERT_MESSAGE = {
  name: "insert-message",
  text: "INSERT INTO message (id, session_id, role, content, created_at) VALUES ($1, $2, 'user', $3, $4)",
};

const INSERT_MESSAGES = {
  name: "insert-messages",
  text: `
    INSERT INTO message (id, session_id, role, content, created_at)
    SELECT id, session_id, 'user', content, created_at
    FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[]) AS given (id, session_id, content, created_at)`,
};

// A callback that is repeated stores nothing twice.
const INSERT_REPLY = {
  name: "insert-reply",
  text: `
    INSERT INTO message (id, session_id, role, content, reply_to, created_at)
    VALUES ($1, $2, 'assistant', $3, $4, $5) ON CONFLICT (reply_to) DO NOTHING`,
};

const INSERT_REPLIES = {
  name: "insert-replies",
  text: `
    INSERT INTO message (id, session_id, role, content, reply_to, created_at)
    SELECT id, session_id, 'assistant', content, reply_to, created_at
    FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::timestamptz[])
      AS given (id, session_id, content, reply_to, created_at)
    ON CONFLICT (reply_to) DO NOTHING`,
};

/** The history of a peer: one table, with the statements prepared once per connection. */
export interface ConversationStore {
  pool: pg.Pool;
  createTable: () => Promise<void>;
  insertMessage: (message: PeerMessage) => Promise<void>;
  insertMessages: (messages: PeerMessage[]) => Promise<void>;
  insertReply: (reply: PeerReply) => Promise<void>;
  insertReplies: (replies: PeerReply[]) => Promise<void>;
}

export function openConversationStore(url: string): ConversationStore {
  const pool = new pg.Pool({ connectionString: url, max: POOL_SIZE });
  const run = async (statement: { name: string; text: string }, values: unknown[]) => {
    await pool.query({ ...statement, values });
  };
  return {
    pool,
    createTable: async () => void (await pool.query(TABLE)),
    insertMessage: ({ id, sessionId, content, createdAt }) => run(INSERT_MESSAGE, [id, sessionId, content, createdAt]),
    insertMessages: (messages) =>
      run(INSERT_MESSAGES, [
        messages.map(({ id }) => id),
        messages.map(({ sessionId }) => sessionId),
        messages.map(({ content }) => content),
        messages.map(({ createdAt }) => createdAt),
      ]),
    insertReply: ({ id, sessionId, content, replyTo, createdAt }) =>
      run(INSERT_REPLY, [id, sessionId, content, replyTo, createdAt]),
    insertReplies: (replies) =>
      run(INSERT_REPLIES, [
        replies.map(({ id }) => id),
        replies.map(({ sessionId }) => sessionId),
        replies.map(({ content }) => content),
        replies.map(({ replyTo }) => replyTo),
        replies.map(({ createdAt }) => createdAt),
      ]),
  };
}
