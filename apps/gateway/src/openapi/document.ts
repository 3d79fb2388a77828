import swagger from "@fastify/swagger";
import type { FastifyInstance } from "fastify";
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from "fastify-type-provider-zod";
import type { z } from "zod";
import { completeOperations } from "./complete-operations.ts";
import { dropUnused } from "./drop-unused.ts";

const INFO = {
  title: "chat-relay gateway",
  version: "1",
  description:
    "Sessions, messages and history for browsers; the queue for operators. Errors are RFC 9457 problems whose `code` is stable. Tokens go into the `Authorization` header and are never accepted in a URL.",
};

const SECURITY_SCHEMES = {
  session: { type: "http", scheme: "bearer", description: "The `sessionToken` of `POST /api/chat/session`." },
  admin: { type: "http", scheme: "bearer", description: "The operator's `CHAT_ADMIN_TOKEN`." },
} as const;

// The generator writes what is true but of no use to a reader, or says more than we promise.
function simplify({
  zodSchema,
  jsonSchema,
}: {
  zodSchema: z.core.$ZodTypes;
  jsonSchema: z.core.JSONSchema.BaseSchema;
}): void {
  const { def } = zodSchema._zod;
  // Answers may gain fields; only bodies refuse unknown ones.
  if (def.type === "object" && def.catchall === undefined) delete jsonSchema.additionalProperties;
  if (jsonSchema.format !== undefined || jsonSchema.type === "integer") delete jsonSchema.pattern;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
}

const zodToJsonConfig = { override: simplify };
const complete = createJsonSchemaTransformObject({ zodToJsonConfig });

/** Collects the routes registered after it into an OpenAPI document, made from the very schemas that validate. */
export async function documentRoutes(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: { openapi: "3.1.0", info: INFO, components: { securitySchemes: SECURITY_SCHEMES } },
    transform: createJsonSchemaTransform({ zodToJsonConfig }),
    transformObject: (document) => dropUnused(completeOperations(complete(document))),
  });
}
