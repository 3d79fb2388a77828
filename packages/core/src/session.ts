import { z } from "zod";
import { takenMetadata } from "./metadata.ts";

/** A session as the API shows it; never with its token. */
export const chatSession = z
  .object({
    sessionId: z.uuid(),
    authenticated: z.boolean(),
    userId: z.string().nullable(),
    metadata: takenMetadata,
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime(),
    status: z.enum(["active", "expired", "ended"]),
  })
  .meta({ id: "ChatSession" });
export type ChatSession = z.output<typeof chatSession>;
