import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** A way to a server that can be cut, or swallow what is sent. */
export class Road {
  mode: "open" | "cut" | "silent" = "open";
  #sockets = new Set<Socket>();
  #target: URL;
  #server: Server;

  constructor(url: string) {
    const target = new URL(url);
    this.#target = target;
    this.#server = createServer((socket) => {
      this.#sockets.add(socket.on("error", () => undefined));
      if (this.mode === "cut") return void socket.destroy();
      if (this.mode === "silent") return void socket.resume();
      const far = connect(Number(target.port), target.hostname);
      this.#sockets.add(far.on("error", () => undefined));
      socket.on("data", (chunk) => void (this.mode === "open" && far.write(chunk)));
      far.on("data", (chunk) => void socket.write(chunk));
      far.on("close", () => socket.destroy());
    });
  }

  /** The server's URL by way of this road. */
  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const url = new URL(this.#target);
    url.host = `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return url.href;
  }

  /** Ends all connections, and each new one. */
  cut(): void {
    this.mode = "cut";
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
