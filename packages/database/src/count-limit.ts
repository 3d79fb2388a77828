/** A key's window of a rate limit, for a statement that counts on its way: columns of its calls. Null: not limited. */
export interface LimitColumns {
  limit_key: string | null;
  limit_count: number | null;
  limit_ms: number | null;
}

/** How such a statement left the window. */
export interface CountedColumns {
  /** What was taken from the window, this time included; null when nothing was. */
  limit_taken: number | null;
  limit_ms_left: number | null;
}

export const LIMIT_COLUMN_TYPES = "limit_key text, limit_count int, limit_ms float8";

const NOW_MS = "(extract(epoch FROM now()) * 1000)::bigint";

/**
 * SQL that takes one from the window of each call in `countable`, in the limiter library's table and way: `counted` has
 * `n, taken, is_over, ms_left`.
 */
export const COUNT_LIMIT = `
    taken AS (
      INSERT INTO chat_rate_limit AS r (key, points, expire)
      SELECT limit_key, 1, ${NOW_MS} + limit_ms FROM countable WHERE limit_key IS NOT NULL
      ON CONFLICT (key) DO UPDATE
      SET points = CASE WHEN r.expire <= ${NOW_MS} THEN 1 ELSE r.points + 1 END,
          expire = CASE WHEN r.expire <= ${NOW_MS} THEN excluded.expire ELSE r.expire END
      RETURNING key, points, expire - ${NOW_MS} AS ms_left
    ), counted AS (
      SELECT countable.n, taken.points AS taken, taken.ms_left, COALESCE(taken.points > countable.limit_count, false) AS is_over
      FROM countable LEFT JOIN taken ON taken.key = countable.limit_key
    )`;
