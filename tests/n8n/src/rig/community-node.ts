import { runCommand } from "@chat-relay/embedded/run-command";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Credential } from "./n8n-home.ts";
import { SECRET } from "./n8n-setup.ts";
import { nodeOf, type Workflow } from "./workflow.ts";

const PACKAGE = join(import.meta.dirname, "../../../../packages/n8n-nodes-chat-relay");
const BUILD_MS = 300_000;

/** The secret of chat-relay, and one that is going out of use. The callback URL is what each message says. */
export const CREDENTIAL: Credential = {
  id: "chatRelayNode1",
  name: "Chat Relay",
  type: "chatRelayApi",
  data: { webhookSecret: `${SECRET} whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw`, callbackUrl: "" },
};

/** Builds packages/n8n-nodes-chat-relay and packs it as it would be published. */
export async function packCommunityNode(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "chat-relay-node-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  for (const args of [
    ["run", "build"],
    ["pack", `--pack-destination=${folder}`],
  ]) {
    const { ok, stderr } = await runCommand("npm", args, { cwd: PACKAGE, timeoutMs: BUILD_MS });
    if (!ok) throw new Error(`npm ${args.join(" ")}: ${stderr}`);
  }
  const [file] = readdirSync(folder);
  if (file === undefined) throw new Error("npm packed nothing");
  return join(folder, file);
}

/** An example of the package, with other parameters for one of its nodes where a test cannot wait so long. */
export function exampleOf(file: string, name?: string, parameters: Record<string, unknown> = {}): Workflow {
  const workflow = JSON.parse(readFileSync(join(PACKAGE, "examples", file), "utf8")) as Workflow;
  if (name !== undefined) Object.assign(nodeOf(workflow, name).parameters, parameters);
  return workflow;
}

/** The same workflow once more, with executions of its own. */
export function copyOf(workflow: Workflow, id: string): Workflow {
  const nodes = workflow.nodes.map((node) => ({ ...node, id: `${id}-${node.id}`, webhookId: `${id}-${node.id}` }));
  return { ...workflow, id, name: id, nodes };
}

/** The path of its trigger. */
export function triggerPath(workflow: Workflow): string {
  const { webhookId } = nodeOf(workflow, "Chat Relay Trigger") as { webhookId?: string };
  return `${webhookId}/chat-relay`;
}
