import { ChatError } from "@chat-relay/core/errors";
import { bearerToken, sameSecret } from "./bearer-token.ts";
import type { ZodApp } from "./zod-app.ts";

/** Puts every route of the scope behind the operator's token. */
export function guardAdmin(scope: ZodApp, adminToken: string): void {
  // Operators do not call from other people's pages.
  scope.addHook("onRoute", (route) => {
    route.config = Object.assign({}, route.config, { cors: false });
  });
  scope.addHook("onRequest", async (request) => {
    const given = bearerToken(request.headers.authorization) ?? "";
    if (!sameSecret(given, adminToken)) {
      throw new ChatError("unauthorized", "The operator token is needed: Authorization: Bearer <CHAT_ADMIN_TOKEN>");
    }
  });
}
