import type { IExecuteFunctions } from "n8n-workflow";

/** The message that started this execution. */
export interface StartingMessage {
  sessionId: string;
  messageId: string;
  callbackUrl: string;
}

interface NodeProxy {
  isExecuted?: boolean;
  first(): { json: StartingMessage } | undefined;
}

const TRIGGER = /\.chatRelayTrigger$/;

/** Looks for the Chat Relay Trigger before this node that started the execution; a workflow may have several. */
export function startingMessage(context: IExecuteFunctions, itemIndex: number): StartingMessage | undefined {
  const proxy = context.getWorkflowDataProxy(itemIndex) as { $: (name: string) => NodeProxy };
  return context
    .getParentNodes(context.getNode().name)
    .filter(({ type, disabled }) => TRIGGER.test(type) && !disabled)
    .map(({ name }) => proxy.$(name))
    .find(({ isExecuted }) => isExecuted === true)
    ?.first()?.json;
}
