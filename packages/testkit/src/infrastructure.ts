/** The real servers that a test run works with; started once by `global-setup.ts`. */
export interface Infrastructure {
  kind: "testcontainers" | "embedded";
  /** A superuser's URL of PostgreSQL; `templateDatabase` is migrated and only ever copied. */
  databaseUrl: string;
  templateDatabase: string;
  /** `nats://127.0.0.1:port`: each worker of the runner has an account of its own there, with a JetStream of its own. */
  natsAddress: string;
}

/** How many test files may run at once. */
const NATS_ACCOUNTS = 16;

/** Accounts `test1`… with JetStream, user and password as their name: same stream name, no shared state. */
export function natsAccountsConfig(): string {
  const accounts = Array.from({ length: NATS_ACCOUNTS }, (_, index) => `test${index + 1}`);
  const blocks = accounts.map(
    (name) => `  ${name}: { jetstream: enabled, users: [{ user: ${name}, password: ${name} }] }`,
  );
  return `accounts: {\n${blocks.join("\n")}\n}\n`;
}

declare module "vitest" {
  interface ProvidedContext {
    infrastructure: Infrastructure;
  }
}
