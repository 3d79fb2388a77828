import { pageLimit } from "@chat-relay/core/api-schemas";
import { ChatError } from "@chat-relay/core/errors";
import { isId } from "@chat-relay/core/ids";
import { deliveryStatus } from "@chat-relay/core/message";
import { fieldsError } from "@chat-relay/core/validation";
import { findSessionById } from "@chat-relay/database/find-session";
import { readDeliveries, readDelivery } from "@chat-relay/database/read-deliveries";
import { readAllMessages } from "@chat-relay/database/read-messages";
import { z } from "zod";
import type { ZodApp } from "../edge/zod-app.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { delivery, deliveryPage, idFilter, queueState, wholeSession } from "../openapi/api-models.ts";
import { json, problems } from "../openapi/problem-responses.ts";
import { inspectQueue } from "../use-cases/inspect-queue.ts";
import { requireDelivery } from "../use-cases/replay.ts";
import { ADMIN_PATH, adminRoute } from "./admin-route.ts";

/** `GET …/queue`: what waits, where, and whether n8n is reachable. */
export function queueRoute(scope: ZodApp, context: GatewayContext): void {
  const response = { 200: json("The queue now.", queueState), ...problems("unauthorized") };
  const schema = { ...adminRoute("readQueue", "The queue"), response };
  scope.get(`${ADMIN_PATH}/queue`, { schema }, () => inspectQueue(context));
}

/** `GET …/deliveries`: deliveries, newest first. */
export function deliveriesRoute(scope: ZodApp, context: GatewayContext): void {
  const schema = {
    ...adminRoute("listDeliveries", "Deliveries, newest first"),
    querystring: z.strictObject({
      status: deliveryStatus.optional(),
      sessionId: idFilter.optional(),
      limit: pageLimit(context.config),
      before: z.string().optional().meta({ description: "Cursor: the page of deliveries older than it." }),
    }),
    response: { 200: json("A page.", deliveryPage), ...problems("validation_failed", "unauthorized") },
  };
  scope.get(`${ADMIN_PATH}/deliveries`, { schema }, async ({ query }) => {
    if (query.before !== undefined && (await readDelivery(context.database, query.before)) === undefined) {
      throw fieldsError([{ pointer: "#/before", detail: "is not a cursor" }]);
    }
    const found = await readDeliveries(context.database, query);
    const deliveries = found.slice(0, query.limit);
    const hasMore = found.length > query.limit;
    return {
      deliveries,
      pageInfo: { hasMore, before: hasMore ? (deliveries.at(-1)?.messageId ?? null) : null, after: null },
    };
  });
}

/** `GET …/deliveries/:messageId`: one of them. */
export function deliveryRoute(scope: ZodApp, context: GatewayContext): void {
  const schema = {
    ...adminRoute("readDelivery", "One delivery with its attempts"),
    params: z.object({ messageId: z.string() }),
    response: { 200: json("The delivery.", delivery), ...problems("unauthorized", "not_found") },
  };
  scope.get(`${ADMIN_PATH}/deliveries/:messageId`, { schema }, ({ params }) =>
    requireDelivery(context, params.messageId),
  );
}

/** `GET …/sessions/:sessionId`: a session with all of its messages, also when it is over. */
export function wholeSessionRoute(scope: ZodApp, context: GatewayContext): void {
  const schema = {
    ...adminRoute("readWholeSession", "A session with all of its messages"),
    params: z.object({ sessionId: z.string() }),
    response: { 200: json("The session.", wholeSession), ...problems("unauthorized", "session_not_found") },
  };
  scope.get(`${ADMIN_PATH}/sessions/:sessionId`, { schema }, async ({ params }) => {
    const session = isId(params.sessionId) ? await findSessionById(context.database, params.sessionId) : undefined;
    if (session === undefined) throw new ChatError("session_not_found", "There is no such session");
    return { session, messages: await readAllMessages(context.database, session.sessionId) };
  });
}
