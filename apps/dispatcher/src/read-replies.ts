import type { ChatConfig } from "@chat-relay/core/config";
import { toStorable } from "@chat-relay/core/text";
import { repliesInJson } from "./json-replies.ts";

/** What a 2xx answer of n8n says. */
export type ReadReplies =
  /** No reply among them means: it comes by callback. */
  | { kind: "replies"; replies: string[] }
  /** A retry cannot help. */
  | { kind: "unreadable"; problem: string };

export interface Answer {
  contentType: string;
  body: Buffer;
}

export type ReplyLimits = Pick<ChatConfig, "replyMaxBytes" | "replyMaxCount">;

function isJson(contentType: string): boolean {
  return contentType === "application/json" || /^application\/[\w.-]+\+json$/.test(contentType);
}

const decoder = new TextDecoder(); // drops a byte order mark, mends what is not UTF-8

function extract({ contentType, body }: Answer): string[] | undefined {
  const mediaType = contentType.split(";")[0]?.trim().toLowerCase() ?? "";
  if (body.length === 0) return [];
  const text = decoder.decode(body);
  if (mediaType === "text/plain") return text === "" ? [] : [text];
  if (!isJson(mediaType) || text.trim() === "") return [];
  try {
    return repliesInJson(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** What is too much in the replies of one answer, if anything. */
export function overLimit(replies: string[], limits: ReplyLimits): string | undefined {
  if (replies.length > limits.replyMaxCount)
    return `holds ${replies.length} replies, at most ${limits.replyMaxCount} are allowed`;
  const largest = Math.max(0, ...replies.map((reply) => Buffer.byteLength(reply, "utf8")));
  return largest > limits.replyMaxBytes
    ? `holds a reply of ${largest} bytes, at most ${limits.replyMaxBytes} are allowed`
    : undefined;
}

/** Finds the replies in a 2xx answer whose body was read to the end. */
export function readReplies(answer: Answer, limits: ReplyLimits): ReadReplies {
  const found = extract(answer);
  if (found === undefined) return { kind: "unreadable", problem: "is labelled as JSON and is not" };
  const problem = overLimit(found, limits);
  return problem === undefined ? { kind: "replies", replies: found.map(toStorable) } : { kind: "unreadable", problem };
}
