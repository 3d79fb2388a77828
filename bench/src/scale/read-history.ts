import { HttpClient } from "../load/http-client.ts";
import type { VisitorSession } from "../load/live-stream.ts";
import { percentile } from "../report/statistics.ts";

/** How long a page of 100 messages takes, in milliseconds, one after the other. */
export interface HistoryReads {
  newestP50: number;
  /** Over all pages of one session, from the newest to the oldest. */
  walkP50: number;
  walkP99: number;
}

interface Page {
  pageInfo: { hasMore: boolean; before: string | null };
}

const NEWEST_TIMES = 200;

/** Reads histories as a browser does that opens a conversation, and one that scrolls through all of it. */
export async function readHistory(port: number, sessions: VisitorSession[]): Promise<HistoryReads> {
  const client = new HttpClient(port);
  const timed = async ({ sessionId, token }: VisitorSession, before: string | null) => {
    const cursor = before === null ? "" : `&before=${before}`;
    const startedAtMs = performance.now();
    const { status, body } = await client.get({ path: `/api/chat/messages/${sessionId}?limit=100${cursor}`, token });
    const tookMs = performance.now() - startedAtMs;
    if (status !== 200) throw new Error(`a history was answered ${status}: ${body}`);
    return { tookMs, ...(JSON.parse(body) as Page).pageInfo };
  };
  const [walked] = sessions;
  if (walked === undefined) throw new Error("there are no sessions");
  const newest: number[] = [];
  for (let time = 0; time < NEWEST_TIMES; time += 1)
    newest.push((await timed(sessions[time % sessions.length] ?? walked, null)).tookMs);
  const walk: number[] = [];
  for (let page = await timed(walked, null); ; page = await timed(walked, page.before)) {
    walk.push(page.tookMs);
    if (!page.hasMore) break;
  }
  client.close();
  return { newestP50: percentile(newest, 0.5), walkP50: percentile(walk, 0.5), walkP99: percentile(walk, 0.99) };
}
