import { describe, expect, test } from "vitest";
import { nodeOf, readWorkflow, workflowFiles, type Workflow } from "./rig/workflow.ts";

const VERIFIES = ["Webhook", "Raw body", "Signature", "Genuine?", "Message"];
const PLACEHOLDER = /^chatRelay\w+$/;

const files = workflowFiles().map((file) => [file, readWorkflow(file)] as const);
const verifying = files.filter(([file]) => file !== "chat-trigger.json");

/** What is alike in all: the webhook's own path and mode, and what the message leads to, are not. */
function verification(workflow: Workflow): object[] {
  return VERIFIES.map((name) => {
    const { type, typeVersion, parameters, credentials } = nodeOf(workflow, name);
    const { path: _path, responseMode: _responseMode, ...alike } = parameters;
    const leadsTo = name === "Message" ? undefined : workflow.connections[name];
    return { type, typeVersion, alike, credentials, leadsTo };
  });
}

describe.each(files)("%s", (_file, workflow) => {
  test("has ids that are its own, and is not active", () => {
    expect(workflow.id).toMatch(PLACEHOLDER);
    expect(workflow.active).toBe(false);
    const ids = files.flatMap(([, { nodes }]) => nodes.map(({ id }) => id));
    for (const { id } of workflow.nodes) expect(ids.filter((other) => other === id)).toHaveLength(1);
  });

  test("names credentials by placeholders, and holds no secret", () => {
    const credentials = workflow.nodes.flatMap((node) => Object.values(node.credentials ?? {}));
    for (const { id } of credentials) expect(id).toMatch(PLACEHOLDER);
    expect(JSON.stringify(workflow)).not.toMatch(/whsec_[A-Za-z0-9+/]{8}|sk-[A-Za-z0-9]{8}/);
  });

  test("explains itself", () => {
    const notes = workflow.nodes.filter(({ type }) => type === "n8n-nodes-base.stickyNote");
    expect(notes.length).toBeGreaterThan(0);
    expect(String(notes[0]?.parameters["content"])).toContain("CHAT_N8N_WEBHOOK_URL");
  });

  test("connects nodes that it has", () => {
    const names = workflow.nodes.map(({ name }) => name);
    const ends = Object.values(workflow.connections).flatMap((kinds) => Object.values(kinds).flat(2));
    for (const name of [...Object.keys(workflow.connections), ...ends.map(({ node }) => node)])
      expect(names).toContain(name);
  });
});

test.each(verifying)("%s verifies as the others do", (_file, workflow) => {
  expect(verification(workflow)).toEqual(verification(readWorkflow("answer-in-response.json")));
});
