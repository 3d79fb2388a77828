import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

/** What n8n asked the model. */
export interface ModelCall {
  /** The visitor's last words. */
  prompt: string;
  /** Everything that the model was told, oldest first. */
  said: string[];
  startedAtMs: number;
  endedAtMs: number | undefined;
  /** Calls under way when this one came, itself included. */
  openAtStart: number;
}

/** Says the answer, one piece after another; n8n's node passes each on as it comes. */
export type Speaker = (call: ModelCall) => AsyncIterable<string> | Iterable<string>;

/** A model that speaks OpenAI's two interfaces, as far as n8n's AI Agent needs them. */
export interface ModelServer extends AsyncDisposable {
  calls: ModelCall[];
  /** Calls under way now. */
  readonly open: number;
  speakWith(speaker: Speaker): void;
}

interface Said {
  role?: string;
  content?: string | { text?: string }[];
}

/** Says back what was said, word by word. */
export function* echo(call: ModelCall): Generator<string> {
  yield* `You said: ${call.prompt}`.split(/(?<= )/);
}

function textOf({ content = "" }: Said): string {
  return typeof content === "string" ? content : content.map(({ text = "" }) => text).join("");
}

async function readJson(request: IncomingMessage): Promise<{ stream?: boolean; messages?: Said[]; input?: Said[] }> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString());
}

/** How one of the interfaces writes an answer. */
interface Dialect {
  piece(text: string): object;
  /** Before and after the pieces; `text` is all of them. */
  begin: object[];
  end(text: string): object[];
  /** The answer in one, for callers that do not stream. */
  whole(text: string): object;
}

function chatCompletions(): Dialect {
  const base = { id: `chatcmpl-${randomUUID()}`, created: 1, model: "test" };
  const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
  const chunk = (delta: object, finish: string | null = null) => ({
    ...base,
    object: "chat.completion.chunk",
    choices: [{ index: 0, delta, finish_reason: finish }],
  });
  return {
    begin: [chunk({ role: "assistant", content: "" })],
    piece: (content) => chunk({ content }),
    end: () => [chunk({}, "stop"), { ...base, object: "chat.completion.chunk", choices: [], usage }],
    whole: (content) => ({
      ...base,
      object: "chat.completion",
      choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
      usage,
    }),
  };
}

function responses(): Dialect {
  const id = `resp_${randomUUID()}`;
  const item = { type: "message", id: `msg_${randomUUID()}`, role: "assistant" };
  const at = { item_id: item.id, output_index: 0, content_index: 0 };
  const part = (text: string) => ({ type: "output_text", text, annotations: [] });
  const done = (text: string) => ({ ...item, status: "completed", content: [part(text)] });
  const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 };
  const response = (status: string, output: object[]) => ({
    id,
    object: "response",
    created_at: 1,
    model: "test",
    status,
    output,
    usage,
  });
  return {
    begin: [
      { type: "response.created", response: response("in_progress", []) },
      { type: "response.output_item.added", output_index: 0, item: { ...item, status: "in_progress", content: [] } },
      { type: "response.content_part.added", ...at, part: part("") },
    ],
    piece: (delta) => ({ type: "response.output_text.delta", ...at, delta }),
    end: (text) => [
      { type: "response.output_text.done", ...at, text },
      { type: "response.output_item.done", output_index: 0, item: done(text) },
      { type: "response.completed", response: response("completed", [done(text)]) },
    ],
    whole: (text) => response("completed", [done(text)]),
  };
}

/** One event; a caller who went away does not stop the model. */
function write(response: ServerResponse, event: object): void {
  const name = "type" in event ? `event: ${String(event.type)}\n` : "";
  if (!response.destroyed) response.write(`${name}data: ${JSON.stringify(event)}\n\n`);
}

async function answer(response: ServerResponse, dialect: Dialect, pieces: ReturnType<Speaker>, streamed: boolean) {
  let text = "";
  if (streamed) {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const event of dialect.begin) write(response, event);
  }
  for await (const piece of pieces) {
    text += piece;
    if (streamed) write(response, dialect.piece(piece));
  }
  if (!streamed) {
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(dialect.whole(text)));
    return;
  }
  for (const event of dialect.end(text)) write(response, event);
  response.end("data: [DONE]\n\n");
}

/** Starts the model on a port that n8n's credential names. By default it says back what was said. */
export async function startModelServer(port: number): Promise<ModelServer> {
  const calls: ModelCall[] = [];
  let speaker: Speaker = echo;
  let open = 0;
  const take = async (request: IncomingMessage, response: ServerResponse) => {
    const isChat = request.url?.endsWith("/chat/completions") === true;
    const { stream = false, messages = [], input = [] } = await readJson(request);
    const said = [...messages, ...input];
    const prompt = textOf(said.findLast(({ role }) => role === "user") ?? {});
    open += 1;
    const startedAtMs = Date.now();
    const call: ModelCall = { prompt, said: said.map(textOf), startedAtMs, endedAtMs: undefined, openAtStart: open };
    calls.push(call);
    try {
      await answer(response, isChat ? chatCompletions() : responses(), speaker(call), stream);
    } finally {
      open -= 1;
      call.endedAtMs = Date.now();
    }
  };
  const server = createServer((request, response) => void take(request, response).catch(() => response.destroy()));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    calls,
    get open() {
      return open;
    },
    speakWith(next) {
      speaker = next;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
