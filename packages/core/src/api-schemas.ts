import { z } from "zod";
import type { ChatConfig } from "./config.ts";
import { isRandomUuid } from "./ids.ts";
import { messageType } from "./message.ts";
import { lenientMetadataSchema, metadataSchema } from "./metadata.ts";
import { countCodePoints, isStorable, toStorable } from "./text.ts";

const CLEAN = "must not contain U+0000 or lone surrogates";
const USER_ID_MAX = 128;
const KEY_MAX = 64;

/** An idempotency key: 1–64 characters of printable ASCII. */
export const idempotencyKey = z
  .string()
  .regex(new RegExp(`^[\\x20-\\x7e]{1,${KEY_MAX}}$`), `must be 1 to ${KEY_MAX} characters of printable ASCII`);

const userId = z
  .string()
  .min(1, `must have 1 to ${USER_ID_MAX} characters`)
  .refine((text) => countCodePoints(text) <= USER_ID_MAX, `must have 1 to ${USER_ID_MAX} characters`)
  .refine(isStorable, CLEAN)
  .meta({ maxLength: USER_ID_MAX });

function contentSchema(maxChars: number) {
  return z
    .string()
    .refine((text) => countCodePoints(text) <= maxChars, `must have at most ${maxChars} characters`)
    .refine((text) => /\S/u.test(text), "must have at least one character that is not white space")
    .refine(isStorable, CLEAN)
    .meta({
      minLength: 1,
      maxLength: maxChars,
      description: `1 to ${maxChars} Unicode code points, at least one of them not white space.`,
    });
}

type Limits = Pick<
  ChatConfig,
  "messageMaxChars" | "metadataMaxBytes" | "metadataMaxDepth" | "pageSize" | "pageSizeMax"
>;

/** The bodies that browsers send. Unknown fields are refused. */
export function requestSchemas(limits: Limits) {
  const metadata = metadataSchema(limits);
  return {
    createSession: z.strictObject({
      userId: userId.optional(),
      userToken: z.string().min(1).max(8_192).optional(),
      metadata: metadata.optional(),
    }),
    sendMessage: z.strictObject({
      sessionId: z.string(),
      content: contentSchema(limits.messageMaxChars),
      messageType: messageType.default("text"),
      metadata: metadata.optional(),
      clientMessageId: idempotencyKey.optional(),
    }),
  };
}

/**
 * What n8n's own chat widget sends. Fields that it has beyond these are ignored: they are n8n's, and may become more. The id
 * is the browser's, and its only credential.
 */
export function n8nChatSchema(limits: Limits) {
  const sessionId = z
    .string()
    .refine(isRandomUuid, "must be a random UUID (version 4 or 7)")
    .transform((id) => id.toLowerCase())
    .meta({ format: "uuid" });
  const chatInput = contentSchema(limits.messageMaxChars);
  return z.discriminatedUnion("action", [
    z.object({
      action: z.literal("sendMessage"),
      sessionId,
      chatInput,
      metadata: metadataSchema(limits).optional(),
    }),
    z.object({ action: z.literal("loadPreviousSession"), sessionId }),
  ]);
}

/** The page size asked for in a query string. */
export function pageLimit(limits: Limits) {
  const message = `must be a whole number from 1 to ${limits.pageSizeMax}`;
  return z
    .string()
    .regex(/^\d{1,6}$/, message)
    .transform(Number)
    .pipe(z.number().min(1, message).max(limits.pageSizeMax, message))
    .default(limits.pageSize)
    .meta({
      type: "integer",
      minimum: 1,
      maximum: limits.pageSizeMax,
      description: `1 to ${limits.pageSizeMax}, default ${limits.pageSize}.`,
    });
}

/** Where a page lies in its list, and how to go on from it. */
export const pageInfo = z
  .object({ hasMore: z.boolean(), before: z.string().nullable(), after: z.string().nullable() })
  .meta({ id: "PageInfo" });
export type PageInfo = z.output<typeof pageInfo>;

/** A reply as n8n sends it to the receiver. Unknown fields are ignored, text is mended rather than refused. */
export function callbackSchema(limits: Limits) {
  return z.object({
    sessionId: z.string(),
    replyTo: z.string().nullish(),
    content: z.string().min(1, "must not be empty").transform(toStorable),
    messageType: messageType.default("text"),
    metadata: lenientMetadataSchema(limits).optional(),
  });
}

/** What the `type` of a callback says that brings a piece of a reply; any other is a reply. */
export const PIECE_CALLBACK_TYPE = "chat.reply.delta";

/** A piece of a reply as n8n sends it to the receiver, ahead of the reply itself. */
export function pieceCallbackSchema({ callbackMaxBytes }: Pick<ChatConfig, "callbackMaxBytes">) {
  return z.object({
    sessionId: z.string(),
    replyTo: z.string(),
    offset: z
      .int("must be a whole number")
      .min(0, "must not be negative")
      .max(callbackMaxBytes, "must be within the length that a reply may have"),
    content: z.string().transform(toStorable),
  });
}

/**
 * What a workflow asks the receiver for a page of a session's history with. Unknown fields are refused: a callback or a
 * webhook, which are signed with the same secret and name a session too, can never be taken for such a request.
 */
export function historyRequestSchema({ pageSize, pageSizeMax }: Limits) {
  const wholeNumber = `must be a whole number from 1 to ${pageSizeMax}`;
  return z.strictObject({
    sessionId: z.string(),
    limit: z.int(wholeNumber).min(1, wholeNumber).max(pageSizeMax, wholeNumber).default(pageSize),
    before: z.string().nullish(),
  });
}
