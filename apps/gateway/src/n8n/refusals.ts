import { finished } from "node:stream/promises";
import { ChatError } from "@chat-relay/core/errors";
import type { FastifyRequest } from "fastify";
import type { ZodApp } from "../edge/zod-app.ts";
import { streamedAnswer } from "./streamed-answer.ts";

const DETAIL = "Files cannot be sent in this chat; send the text alone";

/** The widget reads n8n's lines: it asks for text where it would otherwise take what comes. */
export function wantsStream({ headers }: Pick<FastifyRequest, "headers">): boolean {
  const accepted = headers.accept?.toLowerCase() ?? "";
  return accepted.includes("text/plain") && !accepted.includes("application/json");
}

/**
 * Refuses what the scope's routes refuse so that the widget shows why. It shows the `message` of whatever JSON comes. Where it
 * reads lines it shows nothing of an answer whose status is not 2xx, which refused messages must have all the same; but files,
 * which its page offers to every visitor, are no message, and are refused in a line.
 */
export function refuseInItsShape(scope: ZodApp): void {
  scope.addHook("onSend", async (_request, reply, payload) =>
    reply.statusCode >= 400 && typeof payload === "string" ? withMessage(payload) : payload,
  );
  scope.addContentTypeParser("multipart/form-data", async (_request: unknown, form: NodeJS.ReadableStream) => {
    // A browser that is answered while it still sends may take it for a broken connection. How long that may last is bounded.
    await finished(form.resume());
    throw new ChatError("unsupported_media_type", DETAIL);
  });
  scope.setErrorHandler((error, request, reply) => {
    const isUpload = error instanceof ChatError && error.message === DETAIL;
    if (!isUpload || !wantsStream(request)) throw error;
    const form = streamedAnswer();
    return reply.code(200).type(form.contentType).send(form.fail(DETAIL));
  });
}

// The problem's own members stay what they are everywhere.
function withMessage(problem: string): string {
  const members = JSON.parse(problem) as { detail: string };
  return JSON.stringify({ ...members, message: members.detail });
}
