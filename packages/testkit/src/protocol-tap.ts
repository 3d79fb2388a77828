import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A way to a server that counts what its clients ask of it. */
export interface ProtocolTap extends AsyncDisposable {
  /** The server's URL by way of the tap. */
  url: string;
  /** How often each thing was asked for since the last `reset`, by its name. */
  readonly counts: ReadonlyMap<string, number>;
  reset(): void;
}

/** Reads what a client has sent so far: names of what it asks for, and how many bytes were understood. */
type Reader = (bytes: Buffer) => { names: string[]; consumed: number };

/** Statements by name; those without one by their first word. */
function postgresReader(): Reader {
  let started = false;
  return (bytes) => {
    const names: string[] = [];
    let at = 0;
    for (;;) {
      const header = started ? 5 : 4; // the first message has no type
      if (bytes.length - at < header) break;
      const end = at + (started ? 1 : 0) + bytes.readUInt32BE(at + header - 4);
      if (bytes.length < end) break;
      const [type, body] = [String.fromCharCode(bytes[at] ?? 0), bytes.subarray(at + header, end)];
      if (started && type === "Q")
        names.push(
          body
            .toString("utf8", 0, body.length - 1)
            .trim()
            .split(/\s/, 1)[0] ?? "",
        );
      if (started && type === "B") names.push(body.toString("utf8").split("\0", 2)[1] ?? ""); // portal, statement
      started = true;
      at = end;
    }
    return { names, consumed: at };
  };
}

/** Publishes by subject. */
function natsReader(): Reader {
  return (bytes) => {
    const names: string[] = [];
    let at = 0;
    for (;;) {
      const lineEnd = bytes.indexOf("\r\n", at);
      if (lineEnd < 0) break;
      const words = bytes.toString("utf8", at, lineEnd).split(" ");
      const publishes = words[0] === "PUB" || words[0] === "HPUB";
      const end = lineEnd + 2 + (publishes ? Number(words.at(-1)) + 2 : 0);
      if (bytes.length < end) break;
      if (publishes) names.push(words[1] ?? "");
      at = end;
    }
    return { names, consumed: at };
  };
}

async function startTap(serverUrl: string, newReader: () => Reader): Promise<ProtocolTap> {
  const target = new URL(serverUrl);
  const counts = new Map<string, number>();
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect({ host: target.hostname, port: Number(target.port) });
    const read = newReader();
    let pending = Buffer.alloc(0);
    client.on("data", (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      const { names, consumed } = read(pending);
      pending = pending.subarray(consumed);
      for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
      upstream.write(chunk);
    });
    upstream.pipe(client);
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      socket.setNoDelay(true);
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const url = new URL(serverUrl);
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: url.href,
    counts,
    reset: () => counts.clear(),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Counts statements on their way to PostgreSQL, each of which is a round trip. */
export const tapPostgres = (serverUrl: string): Promise<ProtocolTap> => startTap(serverUrl, postgresReader);

/** Counts publishes on their way to NATS, by subject. */
export const tapNats = (serverUrl: string): Promise<ProtocolTap> => startTap(serverUrl, natsReader);
