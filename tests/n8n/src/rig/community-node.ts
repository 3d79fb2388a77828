import { runCommand } from "@chat-relay/embedded/run-command";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Credential } from "./n8n-home.ts";
import { SECRET } from "./n8n-setup.ts";
import { nodeOf, type Workflow, type WorkflowNode } from "./workflow.ts";

const PACKAGE = join(import.meta.dirname, "../../../../packages/n8n-nodes-chat-relay");
const BUILD_MS = 300_000;

/** The secret of chat-relay, and one that is going out of use. The callback URL is what each message says. */
export const CREDENTIAL: Credential = {
  id: "chatRelayNode1",
  name: "Chat Relay",
  type: "chatRelayApi",
  data: { webhookSecret: `${SECRET} whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw`, callbackUrl: "" },
};

/** Packs packages/n8n-nodes-chat-relay as it would be published, which builds it. */
export async function packCommunityNode(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "chat-relay-node-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const args = ["pack", `--pack-destination=${folder}`];
  const { ok, stderr } = await runCommand("npm", args, { cwd: PACKAGE, timeoutMs: BUILD_MS });
  if (!ok) throw new Error(`npm ${args.join(" ")}: ${stderr}`);
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

type Named = Pick<Credential, "id" | "name">;

/** A node of a workflow that a test makes; `settings` are what it has beside its parameters. */
export function nodeNamed(
  name: string,
  [type, typeVersion]: [type: string, typeVersion: number],
  parameters: Record<string, unknown>,
  settings: Partial<WorkflowNode> & Record<string, unknown> = {},
): WorkflowNode {
  const id = name.toLowerCase().replaceAll(" ", "-");
  return { id, name, type, typeVersion, position: [0, 0], parameters, ...settings };
}

function chatRelay({ id, name }: Named) {
  return { credentials: { chatRelayApi: { id, name } } };
}

export function triggerNode(responseMode: string, credential: Named = CREDENTIAL): WorkflowNode {
  const type = ["n8n-nodes-chat-relay.chatRelayTrigger", 1] as [string, number];
  return nodeNamed("Chat Relay Trigger", type, { responseMode }, chatRelay(credential));
}

/** A Chat Relay node; without an operation it replies to the message that started the execution. */
export function chatRelayNode(
  name: string,
  parameters: Record<string, unknown>,
  {
    credential = CREDENTIAL,
    ...settings
  }: { credential?: Named; retryOnFail?: boolean; waitBetweenTries?: number } = {},
): WorkflowNode {
  return nodeNamed(name, ["n8n-nodes-chat-relay.chatRelay", 1], parameters, { ...chatRelay(credential), ...settings });
}

/** A link to a node, as a workflow's connections have it. */
export function linkTo(node: string) {
  return [{ node, type: "main", index: 0 }];
}

/** A workflow whose nodes follow one another, but for those of which `connections` says what follows. */
export function chainOf(id: string, nodes: WorkflowNode[], connections: Workflow["connections"] = {}): Workflow {
  const links = nodes.slice(1).map(({ name }, index) => [nodes[index]?.name, { main: [linkTo(name)] }]);
  const chain = { ...Object.fromEntries(links), ...connections } as Workflow["connections"];
  const workflow = { id, name: id, nodes, connections: chain, active: false, settings: { executionOrder: "v1" } };
  return copyOf(workflow, id);
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
