/** Where the operator API lies. */
export const ADMIN_PATH = "/api/chat/admin";

/** What the documentation says alike of every operator route. */
export function adminRoute(operationId: string, summary: string) {
  return { tags: ["Operators"], operationId, summary, security: [{ admin: [] }] };
}
