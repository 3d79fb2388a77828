import type { FastifyInstance } from "fastify";
import type { ReceiverDependencies } from "../app.ts";
import { createReadHistory } from "../read-history.ts";
import type { VerifyRequest } from "../verify-request.ts";

/**
 * `POST /api/chat/history`: a page of a session's history for whoever can sign. A POST, since what is signed is a body. Sent
 * again it reads again: nothing is kept of its `webhook-id`.
 */
export function historyRoute(
  scope: FastifyInstance,
  dependencies: ReceiverDependencies,
  verifyRequest: VerifyRequest,
): void {
  const readHistory = createReadHistory(dependencies);
  scope.post("/api/chat/history", async (request, reply) => readHistory(await verifyRequest(request, reply)));
}
