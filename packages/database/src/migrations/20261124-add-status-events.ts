import { Migration } from "@mikro-orm/migrations";

/** The log of what visitors were told of their messages' way, from which a live stream is resumed. */
export class AddStatusEvents extends Migration {
  override name = "add_status_events";

  override up(): void {
    this.addSql(`ALTER TABLE chat_session ADD COLUMN next_status int NOT NULL DEFAULT 1`);
    // read-session-events: WHERE session_id = $1 AND number > $2 ORDER BY number
    this.addSql(`
      CREATE TABLE chat_status_event (
        session_id uuid NOT NULL,
        number int NOT NULL,
        after_sequence int NOT NULL,
        message_id uuid NOT NULL,
        status text NOT NULL,
        attempts int NOT NULL,
        PRIMARY KEY (session_id, number)
      )`);
  }

  override down(): void {
    this.addSql(`DROP TABLE chat_status_event`);
    this.addSql(`ALTER TABLE chat_session DROP COLUMN next_status`);
  }
}
