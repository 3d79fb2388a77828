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

function requestText({ session, lastEventId }: LiveStreamOptions): string {
  const resume = lastEventId === undefined ? "" : `last-event-id: ${lastEventId}\r\n`;
  return `GET /api/chat/stream/${session.sessionId} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer ${session.token}\r\naccept: text/event-stream\r\n${resume}\r\n`;
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
