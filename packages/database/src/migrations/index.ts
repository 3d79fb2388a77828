import { AddChatSystem } from "./20261122-add-chat-system.ts";
import { AddStatusEvents } from "./20261124-add-status-events.ts";

/** Where the names of the applied migrations are kept. */
export const MIGRATION_TABLE = "chat_migration";

/** Every migration in order. Names are stored in the database: never renamed, never removed. */
export const MIGRATIONS = [
  { name: "add_chat_system", class: AddChatSystem },
  { name: "add_status_events", class: AddStatusEvents },
];
