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
 * SQL that takes one from the window of each call in `asked` for which the condition holds, in the limiter library's table
 * and way. `counted` has all of `asked`, and of each call `taken`, `ms_left`, and `is_admitted`: the condition holds, and it
 * is within its limit.
 */
export const countLimit = (isCounted: string) => `
    taken AS (
      INSERT INTO chat_rate_limit AS r (key, points, expire)
      SELECT limit_key, 1, ${NOW_MS} + limit_ms FROM asked WHERE limit_key IS NOT NULL AND (${isCounted})
      ON CONFLICT (key) DO UPDATE
      SET points = CASE WHEN r.expire <= ${NOW_MS} THEN 1 ELSE r.points + 1 END,
          expire = CASE WHEN r.expire <= ${NOW_MS} THEN excluded.expire ELSE r.expire END
      RETURNING key, points, expire - ${NOW_MS} AS ms_left
    ), counted AS MATERIALIZED (
      SELECT asked.*, taken.points AS taken, taken.ms_left,
        (${isCounted}) AND NOT COALESCE(taken.points > asked.limit_count, false) AS is_admitted
      FROM asked LEFT JOIN taken ON taken.key = asked.limit_key
    )`;
