/** Calls to n8n that a worker has under way at once: chat-relay's default. */
export const WORKER_CONCURRENCY = 32;
/** Connections to PostgreSQL per process: chat-relay's default. */
export const POOL_SIZE = 20;
/** Attempts per message: chat-relay's default. */
export const MAX_ATTEMPTS = 3;
