import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const FOLDER = join(import.meta.dirname, "../../../../infra/n8n");

export interface WorkflowNode {
  id: string;
  name: string;
  type: string;
  typeVersion: number;
  position: [number, number];
  parameters: Record<string, unknown>;
  credentials?: Record<string, { id: string; name: string }>;
  disabled?: boolean;
}

interface Link {
  node: string;
  type: string;
  index: number;
}

/** A workflow as n8n exports it. */
export interface Workflow {
  id: string;
  name: string;
  nodes: WorkflowNode[];
  /** By the name of the node that they begin at, and the kind of the connection. */
  connections: Record<string, Record<string, Link[][]>>;
  active: boolean;
}

/** The files of `infra/n8n`. */
export function workflowFiles(): string[] {
  return readdirSync(FOLDER).filter((name) => name.endsWith(".json"));
}

/** One of them, as it is. */
export function readWorkflow(file: string): Workflow {
  return JSON.parse(readFileSync(join(FOLDER, file), "utf8")) as Workflow;
}

/** The node of that name. */
export function nodeOf(workflow: Workflow, name: string): WorkflowNode {
  const found = workflow.nodes.find((node) => node.name === name);
  if (found === undefined) throw new Error(`${workflow.name} has no node "${name}"`);
  return found;
}

/** Where it is called by POST. A Chat Trigger's path is not among them: asking whether it is there would start it. */
export function postPaths({ nodes }: Workflow): string[] {
  return nodes
    .filter(({ type }) => type === "n8n-nodes-base.webhook")
    .map(({ parameters }) => String(parameters["path"]));
}

/** The same under another id and path, with the parameters of some nodes changed. */
export function variantOf(
  file: string,
  path: string,
  changes: Record<string, Partial<Pick<WorkflowNode, "type" | "typeVersion" | "parameters">>> = {},
): Workflow {
  const workflow = { ...readWorkflow(file), id: path, name: path };
  const nodes = workflow.nodes.map((node) => ({ ...node, ...changes[node.name], id: `${path}-${node.id}` }));
  const webhook = nodeOf({ ...workflow, nodes }, "Webhook");
  webhook.parameters = { ...webhook.parameters, path };
  return { ...workflow, nodes };
}
