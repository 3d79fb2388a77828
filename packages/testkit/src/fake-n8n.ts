import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One call that reached the fake n8n. */
export interface FakeCall {
  /** Path and query: tells callers apart that were given different ones. */
  path: string;
  headers: IncomingHttpHeaders;
  rawBody: Buffer;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read what they expect
  body: any;
  receivedAtMs: number;
  /** When the caller was answered or went away. */
  ended: Promise<void>;
  endedAtMs: number | undefined;
}

export interface FakeAnswer {
  status?: number;
  headers?: Record<string, string>;
  body?: string | Buffer | object;
  /** Sent as they come, in the body's place. */
  chunks?: AsyncIterable<string | Buffer>;
  /** The connection breaks behind the last of them. */
  breaksOff?: true;
}

/** Answers a call, or takes the response into its own hands and returns nothing. */
export type Responder = (
  call: FakeCall,
  response: ServerResponse,
) => FakeAnswer | undefined | void | Promise<FakeAnswer | undefined | void>;

export interface FakeN8n extends AsyncDisposable {
  url: string;
  port: number;
  calls: FakeCall[];
  /** Calls under way now. */
  readonly open: number;
  /** What responders threw: faults of the test itself. */
  failures: unknown[];
  answerWith(responder: Responder): void;
}

function send(response: ServerResponse, answer: FakeAnswer): void {
  const raw = answer.body ?? "";
  const isJson = typeof raw === "object" && !Buffer.isBuffer(raw);
  response.writeHead(answer.status ?? 200, {
    "content-type": isJson ? "application/json" : "text/plain",
    ...answer.headers,
  });
  response.end(isJson ? JSON.stringify(raw) : raw);
}

async function sendChunks(response: ServerResponse, chunks: AsyncIterable<string | Buffer>, answer: FakeAnswer) {
  response.writeHead(answer.status ?? 200, { "content-type": "application/json; charset=utf-8", ...answer.headers });
  // A caller who goes away does not stop the workflow.
  for await (const chunk of chunks) if (!response.destroyed) response.write(chunk);
  if (answer.breaksOff === true) response.destroy();
  else response.end();
}

async function readBody(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function parse(raw: Buffer): unknown {
  try {
    return JSON.parse(raw.toString("utf8"));
  } catch {
    return undefined;
  }
}

/** An HTTP server in n8n's place that logs every call; by default it takes messages and says nothing. */
export async function startFakeN8n(port = 0): Promise<FakeN8n> {
  const calls: FakeCall[] = [];
  const failures: unknown[] = [];
  let open = 0;
  let responder: Responder = () => ({ body: { message: "Workflow was started" } });
  const take = async (request: IncomingMessage, response: ServerResponse) => {
    open += 1;
    const ended = new Promise<void>((resolve) => response.on("close", resolve));
    void ended.then(() => (open -= 1));
    const rawBody = await readBody(request).catch(() => undefined); // the caller went away while it was sending
    if (rawBody === undefined) return void response.destroy();
    const { headers, url: path = "" } = request;
    const at = { receivedAtMs: Date.now(), endedAtMs: undefined };
    const call: FakeCall = { path, headers, rawBody, body: parse(rawBody), ...at, ended };
    for (const event of ["finish", "close"]) response.once(event, () => (call.endedAtMs ??= Date.now()));
    calls.push(call);
    try {
      const answer = await responder(call, response);
      if (answer === undefined || response.destroyed) return;
      if (answer.chunks === undefined) send(response, answer);
      else await sendChunks(response, answer.chunks, answer);
    } catch (error) {
      failures.push(error);
      response.destroy();
    }
  };
  const server = createServer((request, response) => void take(request, response));
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const actualPort = (server.address() as AddressInfo).port;
  return {
    url: `http://127.0.0.1:${actualPort}/webhook/chat`,
    port: actualPort,
    calls,
    failures,
    get open() {
      return open;
    },
    answerWith(next) {
      responder = next;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
