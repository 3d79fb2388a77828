import { verifyWebhook, webhookKeys, type WebhookKey } from "@chat-relay/core/webhook-signature";
import { newId, newSessionToken } from "@chat-relay/core/ids";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { PeerReply } from "./peer-message.ts";
import type { PeerIntake, PeerSettings } from "./peer.ts";

const TOLERANCE_MS = 300_000;
const BODY_MAX_BYTES = 65_536;

const SEND_BODY = {
  type: "object",
  required: ["sessionId", "content"],
  additionalProperties: false,
  properties: {
    sessionId: { type: "string", format: "uuid" },
    content: { type: "string", minLength: 1, maxLength: 4_000 },
  },
} as const;

interface SendBody {
  sessionId: string;
  content: string;
}

/** The streams that are open, by session. In this process, so that a reply needs no way to another. */
type Followers = Map<string, Set<FastifyReply["raw"]>>;

function follow(followers: Followers, sessionId: string, reply: FastifyReply): void {
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store" });
  raw.write("event: ready\ndata: {}\n\n");
  const ofSession = followers.get(sessionId) ?? new Set();
  followers.set(sessionId, ofSession.add(raw));
  raw.once("close", () => {
    ofSession.delete(raw);
    if (ofSession.size === 0) followers.delete(sessionId);
  });
}

function show(followers: Followers, { id, sessionId, replyTo, content, createdAt }: PeerReply): void {
  const data = JSON.stringify({ id, sessionId, role: "assistant", content, replyTo, createdAt });
  for (const raw of followers.get(sessionId) ?? []) raw.write(`event: message\nid: ${id}\ndata: ${data}\n\n`);
}

function header(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" ? value : undefined;
}

function isAuthentic(keys: WebhookKey[], request: FastifyRequest, body: Buffer): boolean {
  const id = header(request, "webhook-id");
  const timestamp = header(request, "webhook-timestamp");
  const signature = header(request, "webhook-signature");
  const options = { nowMs: Date.now(), toleranceMs: TOLERANCE_MS };
  return verifyWebhook(keys, { id, timestamp, signature }, body, options).ok;
}

function readReply(body: Buffer): PeerReply | undefined {
  const { sessionId, replyTo, content } = JSON.parse(body.toString("utf8")) as Record<string, unknown>;
  if (typeof sessionId !== "string" || typeof replyTo !== "string" || typeof content !== "string") return undefined;
  return { id: newId(), sessionId, replyTo, content, createdAt: new Date().toISOString() };
}

function callbackRoute(scope: FastifyInstance, intake: PeerIntake, followers: Followers, keys: WebhookKey[]): void {
  // The signature is over the bytes as they came.
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  scope.post("/api/chat/webhook", async (request, reply) => {
    const body = request.body as Buffer;
    if (!isAuthentic(keys, request, body)) return reply.code(401).send({ error: "unauthorized" });
    const answer = readReply(body);
    if (answer === undefined) return reply.code(400).send({ error: "malformed" });
    await intake.keepReply(answer);
    show(followers, answer);
    return { messageId: answer.id };
  });
}

/** What visitors and n8n talk to: the part of chat-relay's API that the benchmark uses, on the bare necessities. */
export function createPeerGateway(intake: PeerIntake, { secret }: PeerSettings): FastifyInstance {
  const app = Fastify({ bodyLimit: BODY_MAX_BYTES });
  const followers: Followers = new Map();
  app.get("/readyz", async () => ({ status: "ready" }));
  app.post("/api/chat/session", async (_request, reply) =>
    reply.code(201).send({ sessionId: newId(), sessionToken: newSessionToken() }),
  );
  app.post<{ Body: SendBody }>("/api/chat/send", { schema: { body: SEND_BODY } }, async (request, reply) => {
    const { sessionId, content } = request.body;
    const message = { id: newId(), sessionId, content, createdAt: new Date().toISOString() };
    await intake.accept(message);
    return reply.code(202).send({ ...message, role: "user", status: "queued" });
  });
  app.get<{ Params: { sessionId: string } }>("/api/chat/stream/:sessionId", async (request, reply) =>
    follow(followers, request.params.sessionId, reply),
  );
  app.register(async (scope) => callbackRoute(scope, intake, followers, webhookKeys(secret)));
  return app;
}
