import { isAbsolute, join } from "node:path";
import { parseConfig } from "@chat-relay/core/config";
import type { ChatConfig, ConfigProblem } from "@chat-relay/core/config";

export type Environment = Readonly<Record<string, string | undefined>>;

/** The configuration of the launcher, and which parts of it the user left to us. */
export interface LauncherConfig {
  config: ChatConfig;
  dataDir: string;
  env: Environment;
  uses: { embeddedPostgres: boolean; embeddedNats: boolean; generatedSecret: boolean; sampleBot: boolean };
}

export type LauncherConfigResult = { ok: true; launcher: LauncherConfig } | { ok: false; problems: ConfigProblem[] };

// Only to let the rest be checked before anything is opened; the real values come later.
const PLACEHOLDERS = {
  CHAT_WEBHOOK_SECRET: "placeholder-until-generated",
  CHAT_N8N_WEBHOOK_URL: "http://127.0.0.1/",
  DATABASE_URL: "postgresql://127.0.0.1/",
  NATS_URL: "nats://127.0.0.1",
} as const;

/** Checks the environment as every service will, except for what the launcher provides itself. */
export function readLauncherConfig(env: Environment, root: string): LauncherConfigResult {
  const result = parseConfig(withPlaceholders(env));
  if (!result.ok) return result;
  const { config } = result;
  const dataDir = isAbsolute(config.dataDir) ? config.dataDir : join(root, config.dataDir);
  const uses = {
    embeddedPostgres: !isSet(env, "DATABASE_URL"),
    embeddedNats: !isSet(env, "NATS_URL"),
    generatedSecret: !isSet(env, "CHAT_WEBHOOK_SECRET"),
    sampleBot: !isSet(env, "CHAT_N8N_WEBHOOK_URL"),
  };
  return { ok: true, launcher: { config, dataDir, env, uses } };
}

/** The environment with a stand-in for each variable that a service needs and `npm start` does not. */
export function withPlaceholders(env: Environment): Record<string, string | undefined> {
  const missing = Object.entries(PLACEHOLDERS).filter(([name]) => !isSet(env, name));
  return { ...env, ...Object.fromEntries(missing) };
}

/** An empty variable counts as unset, as in the services. */
function isSet(env: Environment, name: string): boolean {
  return (env[name] ?? "").trim() !== "";
}
