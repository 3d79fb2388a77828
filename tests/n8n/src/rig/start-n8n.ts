import { cp, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { inject } from "vitest";
import { N8n } from "./n8n.ts";
import { N8nHome, type Credential } from "./n8n-home.ts";
import type {} from "./n8n-setup.ts";
import { postPaths, readWorkflow, workflowFiles, type Workflow } from "./workflow.ts";

export interface StartN8nOptions {
  /** Further workflows, made active. */
  workflows?: readonly Workflow[];
  credentials?: readonly Credential[];
  /** Packed community nodes to install. */
  nodes?: readonly string[];
  /** Over the quiet environment. */
  env?: Record<string, string>;
}

/** Starts a real n8n with the workflows of `infra/n8n` active, on a home of its own. */
export async function startN8n(options: StartN8nOptions = {}): Promise<N8n> {
  const { workflows = [], credentials = [], nodes = [], env = {} } = options;
  const { bin, folder, template } = inject("n8n");
  const home = new N8nHome(await mkdtemp(join(folder, "home-")), bin);
  await cp(template, home.folder, { recursive: true });
  for (const file of nodes) await home.installNode(file);
  if (credentials.length > 0) await home.importCredentials(credentials);
  if (workflows.length > 0) await home.importWorkflows(workflows);
  const paths = [...workflowFiles().map(readWorkflow), ...workflows].flatMap(postPaths);
  const n8n = await N8n.on({ bin, home: home.folder, paths, env });
  try {
    n8n.spawn();
    await n8n.ready();
    for (const { id } of workflows) await n8n.owner.setActive(id, true);
    await n8n.served();
    return n8n;
  } catch (error) {
    await n8n[Symbol.asyncDispose]();
    throw error;
  }
}
