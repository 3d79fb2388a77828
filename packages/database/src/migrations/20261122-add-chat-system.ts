import { Migration } from "@mikro-orm/migrations";

/** Sessions, messages, the delivery ledger with its outbox and attempts, and what the services share. */
export class AddChatSystem extends Migration {
  override name = "add_chat_system";

  override up(): void {
    // Times that are compared with now() have its full precision: rounded to milliseconds they may lie ahead of it.
    // Low fill factors where rows are updated often: new versions stay on their page and need no index entries.
    this.addSql(`
      CREATE TABLE chat_session (
        id uuid PRIMARY KEY,
        token_hash bytea NOT NULL,
        user_id text,
        authenticated boolean NOT NULL DEFAULT false,
        metadata jsonb NOT NULL DEFAULT '{}',
        created_at timestamptz(3) NOT NULL,
        expires_at timestamptz(3) NOT NULL,
        ended_at timestamptz(3),
        next_sequence int NOT NULL DEFAULT 1,
        head_id uuid,
        head_due_at timestamptz,
        lease_token int NOT NULL DEFAULT 0,
        lease_until timestamptz
      ) WITH (fillfactor = 70)`);
    // find-session: WHERE token_hash = $1
    this.addSql(`ALTER TABLE chat_session ADD CONSTRAINT chat_session_token_hash_unique UNIQUE (token_hash)`);

    this.addSql(`
      CREATE TABLE chat_message (
        id uuid PRIMARY KEY,
        session_id uuid NOT NULL CONSTRAINT chat_message_session_id_foreign REFERENCES chat_session (id),
        sequence int NOT NULL,
        role text NOT NULL,
        content text NOT NULL,
        message_type text NOT NULL,
        metadata jsonb NOT NULL DEFAULT '{}',
        reply_to uuid,
        idempotency_key text,
        reply_key text,
        created_at timestamptz(3) NOT NULL
      )`);
    // read-messages: WHERE session_id = $1 AND sequence < $2 ORDER BY sequence DESC; also keeps sequences unique
    this.addSql(
      `ALTER TABLE chat_message ADD CONSTRAINT chat_message_session_sequence_unique UNIQUE (session_id, sequence)`,
    );
    // find-message-by-key: WHERE session_id = $1 AND idempotency_key = $2; the guard against a doubled send
    this.addSql(
      `CREATE UNIQUE INDEX chat_message_idempotency_key_unique ON chat_message (session_id, idempotency_key) WHERE idempotency_key IS NOT NULL`,
    );
    // record-reply: WHERE reply_key = $1; the guard against a doubled reply
    this.addSql(
      `CREATE UNIQUE INDEX chat_message_reply_key_unique ON chat_message (reply_key) WHERE reply_key IS NOT NULL`,
    );

    this.addSql(`
      CREATE TABLE chat_webhook_queue (
        message_id uuid PRIMARY KEY CONSTRAINT chat_webhook_queue_message_id_foreign REFERENCES chat_message (id),
        session_id uuid NOT NULL,
        sequence int NOT NULL,
        status text NOT NULL,
        attempts int NOT NULL DEFAULT 0,
        attempts_base int NOT NULL DEFAULT 0,
        callback_url text NOT NULL,
        created_at timestamptz(3) NOT NULL,
        due_at timestamptz NOT NULL,
        epoch int NOT NULL DEFAULT 0,
        announced_at timestamptz(3),
        published_at timestamptz(3),
        published_seq bigint,
        attempt_started_at timestamptz(3),
        delivered_at timestamptz(3),
        answered_at timestamptz(3)
      ) WITH (fillfactor = 70)`);
    // advance-head: WHERE session_id = ANY($1) AND status IN ('queued', 'delivering') ORDER BY session_id, sequence
    this.addSql(
      `CREATE INDEX chat_webhook_queue_waiting ON chat_webhook_queue (session_id, sequence) WHERE status IN ('queued', 'delivering')`,
    );
    // sweep-deliveries: WHERE announced_at < $1 AND status IN ('queued', 'delivering') ORDER BY announced_at
    this.addSql(
      `CREATE INDEX chat_webhook_queue_due ON chat_webhook_queue (announced_at) WHERE status IN ('queued', 'delivering')`,
    );
    // count-outbox: WHERE published_at IS NULL AND status = 'queued'
    this.addSql(
      `CREATE INDEX chat_webhook_queue_unpublished ON chat_webhook_queue (created_at) WHERE published_at IS NULL AND status = 'queued'`,
    );
    // expire-replies: WHERE status = 'delivered' AND delivered_at < $1
    this.addSql(
      `CREATE INDEX chat_webhook_queue_awaiting_reply ON chat_webhook_queue (delivered_at) WHERE status = 'delivered'`,
    );
    // read-deliveries, replay-deliveries: WHERE status = $1 ORDER BY message_id DESC, for the two statuses people look for
    this.addSql(
      `CREATE INDEX chat_webhook_queue_troubled ON chat_webhook_queue (status, message_id) WHERE status IN ('failed', 'unanswered')`,
    );
    // read-deliveries: WHERE session_id = $1 ORDER BY message_id DESC
    this.addSql(`CREATE INDEX chat_webhook_queue_session ON chat_webhook_queue (session_id, message_id)`);

    this.addSql(`
      CREATE TABLE chat_delivery_attempt (
        message_id uuid NOT NULL CONSTRAINT chat_delivery_attempt_message_id_foreign REFERENCES chat_webhook_queue (message_id),
        number int NOT NULL,
        started_at timestamptz(3) NOT NULL,
        duration_ms int NOT NULL,
        http_status int,
        error text,
        outcome text NOT NULL,
        PRIMARY KEY (message_id, number)
      )`);

    this.addSql(`
      CREATE TABLE chat_reply_outbox (
        message_id uuid PRIMARY KEY CONSTRAINT chat_reply_outbox_message_id_foreign REFERENCES chat_message (id),
        tried_at timestamptz(3) NOT NULL
      )`);
    this.addSql(
      `CREATE TABLE chat_dispatcher (id uuid PRIMARY KEY, breaker text NOT NULL, seen_at timestamptz(3) NOT NULL)`,
    );
    // Unlogged: a crash of PostgreSQL may forget the counters, and nobody minds.
    this.addSql(
      `CREATE UNLOGGED TABLE chat_rate_limit (key varchar(255) PRIMARY KEY, points int NOT NULL DEFAULT 0, expire bigint)`,
    );
  }

  override down(): void {
    for (const table of [
      "chat_rate_limit",
      "chat_dispatcher",
      "chat_reply_outbox",
      "chat_delivery_attempt",
      "chat_webhook_queue",
      "chat_message",
      "chat_session",
    ]) {
      this.addSql(`DROP TABLE ${table}`);
    }
  }
}
