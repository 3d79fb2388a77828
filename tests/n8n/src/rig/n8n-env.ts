/** Where one n8n lives. */
export interface N8nPlace {
  /** The folder that holds `.n8n`. */
  home: string;
  port: number;
  /** For its task runners. */
  brokerPort: number;
}

/** What an n8n is told: alone on loopback, on SQLite, with no page of its own and nothing that calls home. */
export function n8nEnv({ home, port, brokerPort }: N8nPlace): Record<string, string> {
  return {
    PATH: process.env["PATH"] ?? "",
    HOME: home,
    NODE_ENV: "production",
    N8N_USER_FOLDER: home,
    N8N_LISTEN_ADDRESS: "127.0.0.1",
    N8N_PORT: String(port),
    N8N_RUNNERS_BROKER_PORT: String(brokerPort),
    N8N_ENCRYPTION_KEY: "encryption-key-of-the-n8n-tests",
    DB_TYPE: "sqlite",
    N8N_DIAGNOSTICS_ENABLED: "false",
    N8N_VERSION_NOTIFICATIONS_ENABLED: "false",
    N8N_TEMPLATES_ENABLED: "false",
    N8N_PERSONALIZATION_ENABLED: "false",
    N8N_DISABLE_UI: "true",
    N8N_PUBLIC_API_DISABLED: "true",
    N8N_PYTHON_ENABLED: "false",
    N8N_DISABLED_MODULES: "mcp-registry",
    GENERIC_TIMEZONE: "UTC",
  };
}
