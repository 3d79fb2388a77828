interface Line {
  type: "begin" | "item" | "end" | "error" | "keepalive";
  content?: string;
  block?: number;
}

/** One line of n8n's streamed answer, as n8n writes it; a block is what one of its nodes says. */
export function n8nLine({ type, content, block = 0 }: Line): string {
  if (type === "keepalive") return '{"type":"keepalive"}\n';
  const node = { nodeId: `node-${block}`, nodeName: "AI Agent", itemIndex: 0, runIndex: 0, timestamp: Date.now() };
  return `${JSON.stringify({ type, ...(content === undefined ? {} : { content }), metadata: node })}\n`;
}
