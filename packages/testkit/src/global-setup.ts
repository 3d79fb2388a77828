import { migrate } from "@chat-relay/database/migrate";
import type { TestProject } from "vitest/node";
import { startContainers } from "./containers.ts";
import { startEmbedded } from "./embedded-servers.ts";
import { natsAccountsConfig, type Infrastructure } from "./infrastructure.ts";
import { runStatement } from "./run-statement.ts";

const TEMPLATE = "chat_template";

/** Servers for a run, before the template database is made. */
export interface Servers extends AsyncDisposable {
  kind: Infrastructure["kind"];
  version: string;
  databaseUrl: string;
  natsAddress: string;
}

async function startServers(wanted: string | undefined): Promise<Servers> {
  if (wanted !== undefined && wanted !== "testcontainers" && wanted !== "embedded") {
    throw new Error(`CHAT_TEST_INFRA is "${wanted}": it must be testcontainers or embedded`);
  }
  if (wanted === "embedded") return startEmbedded(natsAccountsConfig());
  const containers = await startContainers(natsAccountsConfig(), { required: wanted === "testcontainers" });
  return containers ?? startEmbedded(natsAccountsConfig());
}

async function createTemplate(databaseUrl: string): Promise<void> {
  await runStatement(databaseUrl, `CREATE DATABASE ${TEMPLATE}`);
  const url = new URL(databaseUrl);
  url.pathname = `/${TEMPLATE}`;
  await migrate(url.href);
}

/** Starts real servers once for the run: testcontainers where a Docker engine answers, else embedded ones. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const servers = await startServers(process.env["CHAT_TEST_INFRA"] || undefined);
  process.stdout.write(`\n Test infrastructure: ${servers.kind} (${servers.version})\n`);
  await createTemplate(servers.databaseUrl);
  const { kind, databaseUrl, natsAddress } = servers;
  project.provide("infrastructure", { kind, databaseUrl, templateDatabase: TEMPLATE, natsAddress });
  return async () => servers[Symbol.asyncDispose]();
}
