import { stablePort } from "@chat-relay/testkit/stable-port";
import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { N8n } from "./n8n.ts";
import { N8nHome } from "./n8n-home.ts";
import { SECRET } from "./n8n-setup.ts";
import { installN8n } from "./n8n-tree.ts";
import { nodeOf, readWorkflow, workflowFiles, type Workflow } from "./workflow.ts";

const log = (line: string) => void process.stdout.write(` ${line}\n`);

/** What a test need not wait for. */
const SHORT_WAITS: Record<string, string> = {
  "callback-later.json": "Slow work",
  "speak-first.json": "Follow-up after",
};
const SHORT_WAIT_SECONDS = 2;

function workflow(file: string): Workflow {
  const read = readWorkflow(file);
  const wait = SHORT_WAITS[file];
  if (wait !== undefined) nodeOf(read, wait).parameters["amount"] = SHORT_WAIT_SECONDS;
  return read;
}

function credentials(modelPort: number) {
  const data = { apiKey: "none", url: `http://127.0.0.1:${modelPort}/v1` };
  return [
    { id: "chatRelaySecret1", name: "Chat Relay secret", type: "crypto", data: { hmacSecret: SECRET } },
    { id: "chatRelayOpenAi1", name: "OpenAI account", type: "openAiApi", data },
  ];
}

/** Makes the home that all are copied from, with everything that takes its time. */
async function makeTemplate(bin: string, folder: string, modelPort: number): Promise<void> {
  const home = new N8nHome(folder, bin);
  const workflows = workflowFiles().map(workflow);
  await home.importCredentials(credentials(modelPort));
  await home.importWorkflows(workflows);
  await using n8n = await N8n.on({ bin, home: folder });
  await n8n.start();
  await n8n.owner.setUp();
  for (const { id } of workflows) await n8n.owner.setActive(id, true);
  await n8n.end("SIGTERM");
}

/** Installs n8n where it is not, and prepares a home with the workflows of `infra/n8n`. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { bin, version } = await installN8n(log);
  const folder = await mkdtemp(join(tmpdir(), "chat-relay-n8n-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true })); // of a run that is called off
  const template = await mkdtemp(join(folder, "template-"));
  const modelPort = await stablePort();
  log(`n8n ${version}: importing and publishing the workflows of infra/n8n`);
  await makeTemplate(bin, template, modelPort);
  project.provide("n8n", { bin, version, folder, template, modelPort });
  return () => rm(folder, { recursive: true, force: true });
}
