import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A TCP proxy before a real server, for the faults that a network has. */
export interface FaultProxy extends AsyncDisposable {
  /** The server's URL by way of the proxy. */
  url: string;
  /** Everything gets through, as at the start. */
  pass(): void;
  /** Ends what is open, and every new connection at once. */
  refuse(): void;
  /** Keeps connections open, takes new ones, and lets nothing through. */
  blackhole(): void;
}

type Mode = "pass" | "refuse" | "blackhole";

/** Starts the proxy before the server that the URL names. */
export async function startFaultProxy(serverUrl: string): Promise<FaultProxy> {
  const url = new URL(serverUrl);
  const target = { host: url.hostname, port: Number(url.port) };
  const open = new Set<Socket>();
  let mode: Mode = "pass";
  const forward = (from: Socket, to: Socket) => {
    open.add(from);
    from.on("data", (chunk) => void (mode === "pass" && to.write(chunk)));
    from.on("error", () => to.destroy());
    from.on("close", () => {
      open.delete(from);
      to.destroy();
    });
  };
  const server = createServer((client) => {
    if (mode === "refuse") return void client.destroy();
    const upstream = connect(target);
    forward(client, upstream);
    forward(upstream, client);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const refuse = () => {
    mode = "refuse";
    for (const socket of open) socket.destroy();
  };
  return {
    url: url.href,
    pass: () => void (mode = "pass"),
    refuse,
    blackhole: () => void (mode = "blackhole"),
    async [Symbol.asyncDispose]() {
      refuse();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
