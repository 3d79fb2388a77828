import { connect } from "node:net";

/** The part of a NATS server's greeting that we look at. */
export interface NatsInfo {
  server_name?: string;
  version?: string;
  jetstream?: boolean;
}

const MAX_GREETING_BYTES = 64 * 1024;

/** What a NATS server says of itself on connect, or undefined when none answers on that port within the time. */
export async function readNatsInfo(port: number, timeoutMs = 1_000): Promise<NatsInfo | undefined> {
  const socket = connect({ port, host: "127.0.0.1" });
  socket.setEncoding("utf8").setTimeout(timeoutMs);
  return await new Promise((resolve) => {
    const finish = (info: NatsInfo | undefined): void => {
      socket.destroy();
      resolve(info);
    };
    let text = "";
    socket.on("data", (chunk: string) => {
      text += chunk;
      const end = text.indexOf("\r\n");
      if (end >= 0 || text.length > MAX_GREETING_BYTES) finish(parseInfo(text.slice(0, end)));
    });
    for (const event of ["error", "timeout", "close"]) socket.once(event, () => finish(undefined));
  });
}

function parseInfo(line: string): NatsInfo | undefined {
  if (!line.startsWith("INFO ")) return undefined;
  try {
    return JSON.parse(line.slice("INFO ".length)) as NatsInfo;
  } catch {
    return undefined;
  }
}
