import { connect, type Socket } from "node:net";
import { hashToken, newId, newSessionToken } from "@chat-relay/core/ids";
import { createSession } from "@chat-relay/database/create-session";
import type { Database } from "@chat-relay/database/database";
import { waitFor } from "@chat-relay/testkit/wait-for";

export interface BenchSession {
  sessionId: string;
  token: string;
}

const DAY_MS = 86_400_000;
/** Streams that are being opened at once: browsers do not come all in the same millisecond. */
const AT_ONCE = 100;
const HEAD_CHARS = 4_096;

/** Sessions as visitors have them. */
export async function createSessions(database: Database, count: number): Promise<BenchSession[]> {
  const sessions = Array.from({ length: count }, () => ({ sessionId: newId(), token: newSessionToken() }));
  const guest = { userId: null, authenticated: false, metadata: {}, ttlMs: DAY_MS };
  for (let from = 0; from < count; from += AT_ONCE) {
    const some = sessions.slice(from, from + AT_ONCE);
    await Promise.all(
      some.map(({ sessionId, token }) =>
        createSession(database, { id: sessionId, tokenHash: hashToken(token), ...guest }),
      ),
    );
  }
  return sessions;
}

/** One open stream, on a bare socket, so that the reader costs next to nothing. */
export interface OpenStream {
  session: BenchSession;
  socket: Socket;
  /** Hears everything that comes. */
  onText: (text: string) => void;
}

async function openStream(port: number, session: BenchSession): Promise<OpenStream> {
  const socket = connect(port, "127.0.0.1").setEncoding("utf8");
  const stream: OpenStream = { session, socket, onText: () => undefined };
  let head = "";
  socket.on("data", (text: string) => {
    if (head.length < HEAD_CHARS) head += text;
    stream.onText(text);
  });
  socket.write(
    `GET /api/chat/stream/${session.sessionId} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer ${session.token}\r\naccept: text/event-stream\r\n\r\n`,
  );
  await waitFor("a stream", () => head.includes("event: ready"), 30_000).catch(() => {
    throw new Error(`no stream was opened: ${head}`);
  });
  return stream;
}

/** Opens a stream for each session. */
export async function openStreams(port: number, sessions: BenchSession[]): Promise<OpenStream[]> {
  const streams: OpenStream[] = [];
  for (let from = 0; from < sessions.length; from += AT_ONCE) {
    const some = sessions.slice(from, from + AT_ONCE);
    streams.push(...(await Promise.all(some.map((session) => openStream(port, session)))));
  }
  return streams;
}
