import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { FakeSession } from "./fake-session.ts";

export interface FakeRequest {
  /** Method and path below /api/chat, without the query. */
  name: string;
  query: URLSearchParams;
  url: string;
  headers: IncomingHttpHeaders;
  /** When it came, in milliseconds. */
  at: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read what they expect
  body: any;
}

/** Takes one request out of the gateway's hands; `proceed` gives it back. */
export type Fault = (exchange: {
  request: FakeRequest;
  response: ServerResponse;
  proceed: () => void;
}) => void | Promise<void>;

interface PlannedFault {
  name: string;
  fault: Fault;
  isLasting: boolean;
}

const PAGE_SIZE = 50;

/** Refuses with a problem document. */
export function refuse(status: number, code: string, headers: Record<string, string> = {}): Fault {
  return ({ response }) => {
    response.writeHead(status, { "content-type": "application/problem+json", ...headers });
    response.end(JSON.stringify({ status, code, detail: `refused with ${code}` }));
  };
}

/** The connection breaks before anything happened. */
export const breakOff: Fault = ({ response }) => void response.destroy();

/** Somebody on the way answers, as a hotel's network does. */
export const answerAsPortal: Fault = ({ response }) => void response.end("<html>Welcome</html>");

/** Everything happens, and the answer gets lost. */
export const loseAnswer: Fault = ({ response, proceed }) => {
  response.end = () => response.destroy();
  proceed();
};

/** Nothing happens, ever. */
export const fallSilent: Fault = () => {};

/** Everything happens, and no answer comes. */
export const swallowAnswer: Fault = ({ response, proceed }) => {
  response.end = () => response;
  proceed();
};

/** A gateway in this process, on real HTTP, that does what it is told to do wrong. */
export class FakeGateway implements AsyncDisposable {
  readonly requests: FakeRequest[] = [];
  readonly sessions: FakeSession[];
  /** The most streams that were open at once. */
  mostStreams = 0;
  retryMs = 10;
  url = "";
  #server = createServer((request, response) => void this.#take(request, response));
  #sockets = new Set<Socket>();
  #faults: PlannedFault[] = [];
  isReachable = true;

  constructor(sessions: FakeSession[]) {
    this.sessions = sessions;
  }

  /** Gateways with the same sessions are gateways over the same stores. */
  static async start(sessions: FakeSession[] = []): Promise<FakeGateway> {
    const gateway = new FakeGateway(sessions);
    gateway.#server.on("connection", (socket) => gateway.#connect(socket));
    await new Promise<void>((resolve) => gateway.#server.listen(0, "127.0.0.1", resolve));
    gateway.url = `http://127.0.0.1:${(gateway.#server.address() as AddressInfo).port}`;
    return gateway;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** The newest session. */
  get session(): FakeSession {
    const session = this.sessions.at(-1);
    if (session === undefined) throw new Error("no session was opened");
    return session;
  }

  get openStreams(): number {
    return this.sessions.reduce((sum, { streams }) => sum + streams.size, 0);
  }

  /** The requests of a kind so far: `POST /send`, `GET /stream`, … */
  named(name: string): FakeRequest[] {
    return this.requests.filter((request) => request.name === name);
  }

  /** The next request of this kind fails this way; each further call is about the one after it. */
  plan(name: string, ...faults: Fault[]): void {
    this.#faults.push(...faults.map((fault) => ({ name, fault, isLasting: false })));
  }

  /** All requests of this kind fail this way, until the returned function is called. */
  planAlways(name: string, fault: Fault): () => void {
    const planned = { name, fault, isLasting: true };
    this.#faults.push(planned);
    return () => void (this.#faults = this.#faults.filter((other) => other !== planned));
  }

  /** Cuts every connection, and refuses new ones until it is called with true. */
  setReachable(isReachable: boolean): void {
    this.isReachable = isReachable;
    if (!isReachable) for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** A session that is there before any client is. */
  open(body: { userId?: string; metadata?: object } = {}): FakeSession {
    const number = this.sessions.length + 1;
    const session = new FakeSession(`session-${number}`, `token-${number}`, body);
    this.sessions.push(session);
    return session;
  }

  #connect(socket: Socket): void {
    if (!this.isReachable) return void socket.resetAndDestroy();
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams: query } = new URL(request.url ?? "", this.url);
    const [, route = "", id = ""] = pathname.split("/api/chat")[1]?.split("/") ?? [];
    const { headers, url = "" } = request;
    const [name, at] = [`${request.method} /${route}`, performance.now()];
    const taken = { name, query, url, headers, at, body: await readJson(request) };
    this.requests.push(taken);
    const planned = this.#faults.find(({ name }) => name === taken.name);
    if (planned?.isLasting === false) this.#faults = this.#faults.filter((other) => other !== planned);
    const proceed = (): void => this.#answer(taken, id, response);
    if (planned === undefined) proceed();
    else await planned.fault({ request: taken, response, proceed });
  }

  #answer(request: FakeRequest, id: string, response: ServerResponse): void {
    if (request.name === "POST /session") return this.#openSession(request, response);
    const token = request.headers.authorization?.replace("Bearer ", "");
    const session = this.sessions.find((session) => session.token === token);
    if (session === undefined) return refuseNow(response, 401, "unauthorized");
    if (session.info.status !== "active") return refuseNow(response, 410, "session_expired");
    const named = id === "" ? (request.body?.sessionId ?? session.info.sessionId) : id;
    if (named !== session.info.sessionId) return refuseNow(response, 403, "forbidden");
    if (request.name === "POST /send") this.#send(session, request, response);
    else if (request.name === "GET /stream") this.#stream(session, request, response);
    else if (request.name === "GET /messages") this.#older(session, request, response);
    else if (request.name === "GET /session") {
      answer(response, 200, { session: session.info, ...session.page(session.messages, PAGE_SIZE) });
    } else if (request.name === "DELETE /session") {
      session.end();
      response.writeHead(204).end();
    } else refuseNow(response, 404, "not_found");
  }

  #openSession({ body }: FakeRequest, response: ServerResponse): void {
    const session = this.open(body);
    const { status: _status, ...info } = session.info;
    answer(response, 201, { ...info, sessionToken: session.token });
  }

  #send(session: FakeSession, { body }: FakeRequest, response: ServerResponse): void {
    const { content, clientMessageId: key, metadata } = body;
    const known = session.keys.get(key);
    if (known !== undefined) {
      if (known.content !== content) return refuseNow(response, 422, "idempotency_mismatch");
      const now = session.messages.find(({ id }) => id === known.id);
      return answer(response, 200, { ...now, duplicate: true });
    }
    if (!/\S/u.test(content)) return refuseNow(response, 400, "validation_failed");
    const message = session.say(content, { key, metadata, isTold: session.tellsFirst });
    answer(response, 202, message);
    if (!session.tellsFirst) session.emit("message", message);
  }

  #older(session: FakeSession, { query }: FakeRequest, response: ServerResponse): void {
    const before = Number(query.get("before")?.slice(1) ?? Infinity);
    const older = session.messages.filter(({ sequence }) => sequence < before);
    answer(response, 200, session.page(older, PAGE_SIZE));
  }

  #stream(session: FakeSession, request: FakeRequest, response: ServerResponse): void {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(session.opening(request.headers["last-event-id"] as string | undefined, this.retryMs));
    session.streams.add(response);
    this.mostStreams = Math.max(this.mostStreams, this.openStreams);
    response.on("close", () => session.streams.delete(response));
  }
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

function refuseNow(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { "content-type": "application/problem+json" });
  response.end(JSON.stringify({ status, code, detail: `refused with ${code}` }));
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer);
  } catch {
    return undefined; // the caller went away while it was sending
  }
  return chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString("utf8"));
}
