import type { Query, Statement } from "./database.ts";

/** What every call of a grouped statement names: the session that it changes. Its fields are columns of the statement. */
export interface SessionCall {
  session_id: string;
  [column: string]: unknown;
}

/** What every row of a grouped statement tells: which call it answers, and whether that has to be made again. */
interface CallRow {
  n: number;
  busy: boolean;
}

interface Waiting {
  sessionId: string;
  /** The call's columns, written once. */
  json: string;
  sinceMs: number;
  /** How often its session was busy. */
  busy: number;
  resolve: (row: unknown) => void;
  reject: (error: unknown) => void;
}

export interface GroupedCallsOptions {
  query: Query;
  transaction: <T>(work: (query: Query) => Promise<T>) => Promise<T>;
  /** PostgreSQL is away, or what became of the statement is unknown: then each call of a group is told so. */
  isOutage: (error: unknown) => boolean;
  /** A call that could not begin within this time is refused: PostgreSQL hangs, or does not keep up. */
  timeoutMs: number;
  overdue: () => Error;
}

// More than this in a statement saves hardly anything more, and all of it waits for the slowest row.
const GROUP_MAX_CALLS = 50;
const GROUP_MAX_CHARS = 512 * 1_024;

// Whoever has a session is done with it after a millisecond or a few, most often: then the call goes with the next group. To
// wait for its lock takes a transaction, and four round trips.
const BUSY_AGAIN_AFTER_MS = [1, 2, 4, 8];

const LOCK_SESSION = {
  name: "grouped-lock-session",
  text: "SELECT 1 FROM chat_session WHERE id = $1 FOR NO KEY UPDATE",
};

/** The calls of one statement. */
class Line {
  #statement: Statement;
  #options: GroupedCallsOptions;
  #waiting: Waiting[] = [];
  /** Sessions with a call under way: the next one of the same session comes after it, and sees what it did. */
  #sessions = new Set<string>();
  // One at a time: two half as large take PostgreSQL longer.
  #running = false;
  #scheduled = false;

  constructor(statement: Statement, options: GroupedCallsOptions) {
    this.#statement = statement;
    this.#options = options;
  }

  add(call: SessionCall): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const json = JSON.stringify(call);
    this.#waiting.push({ sessionId: call.session_id, json, sinceMs: performance.now(), busy: 0, resolve, reject });
    this.#schedule();
    return promise;
  }

  // What arrived in the same turn of the event loop goes together; nobody waits longer than that turn.
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#start();
    });
  }

  #start(): void {
    if (this.#running) return;
    const group = this.#take();
    if (group.length === 0) return;
    this.#running = true;
    void this.#serve(group).finally(() => {
      this.#running = false;
      this.#start();
    });
  }

  #take(): Waiting[] {
    this.#refuseOverdue();
    const group: Waiting[] = [];
    const left: Waiting[] = [];
    const passedOver = new Set<string>();
    let chars = 0;
    for (const call of this.#waiting) {
      const { sessionId, json } = call;
      const fits = group.length < GROUP_MAX_CALLS && (group.length === 0 || chars + json.length <= GROUP_MAX_CHARS);
      if (!fits || this.#sessions.has(sessionId) || passedOver.has(sessionId)) {
        passedOver.add(sessionId);
        left.push(call);
        continue;
      }
      chars += json.length;
      this.#sessions.add(sessionId);
      group.push(call);
    }
    this.#waiting = left;
    return group;
  }

  // Looked at whenever something ends, which PostgreSQL's time limits see to.
  #refuseOverdue(): void {
    const oldestMs = performance.now() - this.#options.timeoutMs;
    const overdue = this.#waiting.filter(({ sinceMs }) => sinceMs < oldestMs);
    if (overdue.length === 0) return;
    this.#waiting = this.#waiting.filter(({ sinceMs }) => sinceMs >= oldestMs);
    for (const call of overdue) call.reject(this.#options.overdue());
  }

  async #serve(group: Waiting[]): Promise<void> {
    try {
      const rows = new Map((await this.#query(this.#options.query, group)).map((row) => [row.n, row]));
      for (const [n, call] of group.entries()) {
        const row = rows.get(n);
        if (row === undefined || row.busy) this.#again(call);
        else this.#done(call, () => call.resolve(row));
      }
    } catch (error) {
      this.#failed(group, error);
    }
  }

  /** One that PostgreSQL takes offence at must not cost the others their answer. */
  #failed(group: Waiting[], error: unknown): void {
    const toBlame = group.length > 1 && !this.#options.isOutage(error);
    for (const call of group) {
      if (toBlame) this.#settle(call, this.#alone(call));
      else this.#done(call, () => call.reject(error));
    }
  }

  /** Its place before others of its session is kept. */
  #again(call: Waiting): void {
    const delayMs = BUSY_AGAIN_AFTER_MS[call.busy];
    if (delayMs === undefined) return this.#settle(call, this.#alone(call));
    call.busy += 1;
    setTimeout(() => {
      this.#sessions.delete(call.sessionId);
      this.#waiting.unshift(call);
      this.#schedule();
    }, delayMs);
  }

  /** Waits for the session, then makes the call with nobody beside it. */
  #alone(call: Waiting): Promise<unknown> {
    return this.#options.transaction(async (query) => {
      await query(LOCK_SESSION, [call.sessionId]);
      const [row] = await this.#query(query, [call]);
      if (row === undefined || row.busy) throw new Error(`${this.#statement.name}: no answer under the session's lock`);
      return row;
    });
  }

  #settle(call: Waiting, work: Promise<unknown>): void {
    work.then(
      (row) => this.#done(call, () => call.resolve(row)),
      (error: unknown) => this.#done(call, () => call.reject(error)),
    );
  }

  #done(call: Waiting, tell: () => void): void {
    this.#sessions.delete(call.sessionId);
    tell();
    if (this.#waiting.length > 0) this.#schedule();
  }

  #query(query: Query, group: Waiting[]): Promise<CallRow[]> {
    const calls = group.map(({ json }, n) => `{"n":${n},${json.slice(1)}`);
    return query<CallRow>(this.#statement, [`[${calls.join(",")}]`]);
  }
}

/**
 * Runs calls that come at the same time as one statement with one commit. A call that comes alone goes at once; those that
 * come while others are under way go together as the next. A group waits for no session: a call whose session is busy is made
 * again by itself.
 */
export class GroupedCalls {
  #lines = new Map<string, Line>();
  #options: GroupedCallsOptions;

  constructor(options: GroupedCallsOptions) {
    this.#options = options;
  }

  /** The call's row. At most one call of a session is under way in each statement, and they keep their order. */
  async make<Row>(statement: Statement, call: SessionCall): Promise<Row> {
    let line = this.#lines.get(statement.name);
    if (line === undefined) this.#lines.set(statement.name, (line = new Line(statement, this.#options)));
    return (await line.add(call)) as Row;
  }
}

/**
 * SQL: the calls in `given`, each with its session `s`, as far as that is locked by this statement and is as the statement's
 * snapshot shows it, so that everything that the session's lock protects may be read from that snapshot. Whoever changes such
 * a thing changes the session's row too: then the version that is locked is not one that the snapshot sees. `s.version` is
 * where the row lies while it is locked: the shortest way to it.
 */
export const CALLS_OF_FREE_SESSIONS = `given
        CROSS JOIN LATERAL (
          SELECT ctid AS version, * FROM chat_session WHERE id = given.session_id FOR NO KEY UPDATE SKIP LOCKED
        ) s
        JOIN chat_session seen ON seen.ctid = s.version`;

/**
 * SQL: the columns that every row begins with. `asked` are the calls of free sessions; busy is a session that is not among
 * them though there is one.
 */
export const CALL_COLUMNS = `
    given.n, asked.n IS NULL AND (SELECT true FROM chat_session WHERE id = given.session_id LIMIT 1) IS NOT NULL AS busy`;
