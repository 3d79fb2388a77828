import type { ChatMessage } from "@chat-relay/core/message";
import { readMessages } from "@chat-relay/database/read-messages";
import { z } from "zod";
import type { GatewayContext } from "../gateway-context.ts";
import { findN8nSession } from "./n8n-session.ts";

/** A message as n8n's widget reads it: the way that LangChain writes it down. */
const previousMessage = z.object({
  lc: z.literal(1),
  type: z.literal("constructor"),
  id: z.array(z.string()).meta({ description: "Ends in `HumanMessage` or `AIMessage`." }),
  kwargs: z.object({ content: z.string(), additional_kwargs: z.object({}) }),
});

/** A session's newest messages for n8n's widget, oldest first. */
export const previousSession = z.object({ data: z.array(previousMessage) }).meta({ id: "N8nPreviousSession" });
export type PreviousSession = z.output<typeof previousSession>;

function toPrevious({ role, content }: ChatMessage): z.output<typeof previousMessage> {
  const kind = role === "user" ? "HumanMessage" : "AIMessage";
  const id = ["langchain_core", "messages", kind];
  return { lc: 1, type: "constructor", id, kwargs: { content, additional_kwargs: {} } };
}

/** What the widget shows of its session when it opens again; nothing of one that is over or never was. */
export async function readPreviousSession(
  context: Pick<GatewayContext, "config" | "database">,
  widgetId: string,
): Promise<PreviousSession> {
  const session = await findN8nSession(context, widgetId);
  if (session === undefined) return { data: [] };
  const { database, config } = context;
  const page = await readMessages(database, { sessionId: session.sessionId, limit: config.pageSizeMax });
  return { data: page?.messages.map(toPrevious) ?? [] };
}
