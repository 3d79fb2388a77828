import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export interface CuttableProxy extends AsyncDisposable {
  /** The server's URL, by way of this proxy. */
  url: string;
  /** Cuts what is open and refuses what comes. */
  cut(): void;
  restore(): void;
}

function pipe(client: Socket, target: { host: string; port: number }): Socket {
  const upstream = connect(target);
  client.pipe(upstream).pipe(client);
  client.on("error", () => upstream.destroy()).on("close", () => upstream.destroy());
  upstream.on("error", () => client.destroy()).on("close", () => client.destroy());
  return upstream;
}

/** A TCP proxy before a real server, which can be cut like a cable. */
export async function createCuttableProxy(serverUrl: string): Promise<CuttableProxy> {
  const url = new URL(serverUrl);
  const target = { host: url.hostname, port: Number(url.port) };
  const open = new Set<Socket>();
  let isCut = false;
  const server = createServer((client) => {
    if (isCut) return void client.destroy();
    open.add(client);
    client.on("close", () => open.delete(client));
    pipe(client, target);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cut = () => {
    isCut = true;
    for (const socket of open) socket.destroy();
  };
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: url.href,
    cut,
    restore: () => void (isCut = false),
    async [Symbol.asyncDispose]() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
