import { connect, type Socket } from "node:net";

/** A session as its visitor has it. */
export interface VisitorSession {
  sessionId: string;
  token: string;
}

/** A live event: its name, its id and its data as text. */
export interface LiveEvent {
  name: string;
  id: string | undefined;
  data: string;
}

export interface LiveStreamOptions {
  port: number;
  session: VisitorSession;
  lastEventId?: string | undefined;
  onEvent: (event: LiveEvent) => void;
}

/** An open live stream, on a bare socket, so that reading it costs next to nothing. */
export interface LiveStream {
  /** Whether it still is. */
  isOpen(): boolean;
  close(): void;
}

const OK = "HTTP/1.1 200";
const EVENT = /(?:^|\n)event: (.*)\n(?:id: (.*)\n)?data: (.*)$/;

/** What is between the events is HTTP's: the lengths of chunks. */
function readEvent(block: string): LiveEvent | undefined {
  const [, name, id, data] = EVENT.exec(block) ?? [];
  return name === undefined || data === undefined ? undefined : { name, id, data };
}

// What a browser sends besides, in its usual length: a server that keeps the request of an open stream keeps all of it.
const BROWSER_HEADERS = [
  "user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
  'sec-ch-ua: "Chromium";v="156", "Not=A?Brand";v="24", "Google Chrome";v="156"',
  "sec-ch-ua-mobile: ?0",
  'sec-ch-ua-platform: "Linux"',
  "accept-language: en-GB,en;q=0.9,de;q=0.8",
  "accept-encoding: gzip, deflate, br, zstd",
  "referer: http://bench/products/rubber-boots?colour=green",
  "sec-fetch-dest: empty",
  "sec-fetch-mode: cors",
  "sec-fetch-site: same-origin",
  "cache-control: no-cache",
];

function requestText({ session, lastEventId }: LiveStreamOptions): string {
  const headers = [
    "host: bench",
    `authorization: Bearer ${session.token}`,
    "accept: text/event-stream",
    ...BROWSER_HEADERS,
    ...(lastEventId === undefined ? [] : [`last-event-id: ${lastEventId}`]),
  ];
  return [`GET /api/chat/stream/${session.sessionId} HTTP/1.1`, ...headers, "", ""].join("\r\n");
}

/** Opens a stream; done when it is ready. */
export async function openLiveStream(options: LiveStreamOptions): Promise<LiveStream> {
  const socket: Socket = connect({ port: options.port, host: "127.0.0.1", noDelay: true }).setEncoding("utf8");
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>();
  let received = "";
  const take = (event: LiveEvent): void => {
    if (event.name === "ready") resolve();
    options.onEvent(event);
  };
  socket.once("data", (text: string) => {
    if (text.startsWith(OK)) return;
    socket.destroy();
    reject(new Error(`a stream was refused: ${text}`));
  });
  socket.on("data", (text: string) => {
    const blocks = (received + text).split("\n\n");
    received = blocks.pop() ?? "";
    for (const event of blocks.map(readEvent)) if (event !== undefined) take(event);
  });
  socket.on("error", reject);
  socket.on("close", () => reject(new Error(`no stream was opened: ${received}`)));
  socket.write(requestText(options));
  await ready;
  return { isOpen: () => !socket.destroyed && !socket.readableEnded, close: () => void socket.destroy() };
}
