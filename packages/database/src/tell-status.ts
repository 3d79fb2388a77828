/**
 * SQL that writes down changes of status for those who follow the sessions: for `WITH changed AS (…), ${TELL_STATUS}`,
 * where `changed` has `session_id, message_id, status, attempts`. The caller holds the sessions' row locks or takes them
 * here; a visitor is told what `message-row.ts` would show.
 */
export const TELL_STATUS = `
    numbered AS (
      SELECT session_id, message_id, status, attempts,
        row_number() OVER (PARTITION BY session_id ORDER BY message_id) - 1 AS place,
        count(*) OVER (PARTITION BY session_id) AS total
      FROM changed
    ), counted AS (
      UPDATE chat_session s SET next_status = s.next_status + given.total
      FROM (SELECT DISTINCT session_id, total FROM numbered) given
      WHERE s.id = given.session_id
      RETURNING s.id, s.next_status - given.total AS first_number, s.next_sequence - 1 AS last_sequence
    ), told AS (
      INSERT INTO chat_status_event (session_id, number, after_sequence, message_id, status, attempts)
      SELECT n.session_id, c.first_number + n.place, c.last_sequence, n.message_id, n.status, n.attempts
      FROM numbered n JOIN counted c ON c.id = n.session_id
    )`;
