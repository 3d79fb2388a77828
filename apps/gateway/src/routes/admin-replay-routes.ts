import { z } from "zod";
import type { ZodApp } from "../edge/zod-app.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { delivery, idFilter, replayCount } from "../openapi/api-models.ts";
import { json, problems } from "../openapi/problem-responses.ts";
import { replayMany, replayOne } from "../use-cases/replay.ts";
import { ADMIN_PATH, adminRoute } from "./admin-route.ts";

const LAST_MS = Date.UTC(9999, 11, 31);

// ISO 8601 can say years that PostgreSQL does not take; no message is older than 1970, nor of the year 10000.
function toInstant(text: string): string {
  return new Date(Math.min(Math.max(0, Date.parse(text)), LAST_MS)).toISOString();
}

const time = z.iso
  .datetime({ offset: true, error: "must be an ISO 8601 date and time with Z or an offset" })
  .transform(toInstant);

const replayFilter = z
  .strictObject({
    status: z.enum(["failed", "unanswered"]),
    since: time.optional(),
    until: time.optional(),
    sessionId: idFilter.optional(),
    dryRun: z.boolean().optional().meta({ description: "Only count." }),
  })
  .refine(({ since = "", until = "~" }) => since <= until, { path: ["since"], message: "must not be after until" });

/** `POST …/deliveries/:messageId/replay`: queues one message again. */
export function replayOneRoute(scope: ZodApp, context: GatewayContext): void {
  const schema = {
    ...adminRoute("replayDelivery", "Queue a failed or unanswered message again"),
    description:
      "With a fresh budget of attempts; its number of attempts counts on, and its id and body stay as they are.",
    params: z.object({ messageId: z.string() }),
    response: {
      202: json("The delivery, queued.", delivery),
      ...problems(
        "malformed_json",
        "unauthorized",
        "not_found",
        "conflict",
        "payload_too_large",
        "unsupported_media_type",
      ),
    },
  };
  scope.post(`${ADMIN_PATH}/deliveries/:messageId/replay`, { schema }, async ({ params }, reply) => {
    return reply.code(202).send(await replayOne(context, params.messageId));
  });
}

/** `POST …/deliveries/replay`: queues all that match again. */
export function replayManyRoute(scope: ZodApp, context: GatewayContext): void {
  const schema = {
    ...adminRoute("replayDeliveries", "Queue failed or unanswered messages again"),
    description:
      "`since` is inclusive, `until` exclusive; both are about when the message was accepted. Each session goes on in its order.",
    body: replayFilter,
    response: {
      200: json("How many matched, and how many were queued again.", replayCount),
      ...problems("validation_failed", "malformed_json", "unauthorized", "payload_too_large", "unsupported_media_type"),
    },
  };
  scope.post(`${ADMIN_PATH}/deliveries/replay`, { schema }, ({ body }) => {
    const { dryRun = false, ...filter } = body;
    return replayMany(context, filter, dryRun);
  });
}
