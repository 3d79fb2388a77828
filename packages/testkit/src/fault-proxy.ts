import { connect, createServer, type Server, type Socket } from "node:net";
import { stablePort } from "./stable-port.ts";

/** A TCP proxy before a real server, for the faults that a network has. Each fault lasts until the next is set. */
export interface FaultProxy extends AsyncDisposable {
  /** The server's URL by way of the proxy. */
  url: string;
  /** Connections that were made so far. */
  readonly accepted: number;
  /** Connections that are open now. */
  readonly open: number;
  /** Everything gets through, as at the start. */
  pass(): Promise<void>;
  /** Ends what is open; nobody listens any more. */
  refuse(): Promise<void>;
  /** Keeps connections open, takes new ones, and lets nothing through. */
  blackhole(): void;
  /** Everything takes `latencyMs` longer, each way. */
  slow(latencyMs: number): void;
  /** Breaks each connection (RST) once the server has sent `bytes` through it, at once those that have. */
  resetAfter(bytes: number): void;
  /** Tells the clients that the server has finished (FIN), and goes on taking what they send. */
  halfClose(): void;
  /** Lets the next request with the text through and breaks the connection at its answer; settles when that happened. */
  loseAnswerTo(text: string): Promise<void>;
}

type Fault =
  | { kind: "pass" }
  | { kind: "refuse" }
  | { kind: "blackhole" }
  | { kind: "slow"; latencyMs: number }
  | { kind: "reset"; bytes: number }
  | { kind: "half_close" };

interface Pair {
  client: Socket;
  upstream: Socket;
  fromServer: number;
  losesAnswer: boolean;
}

/** Does things in their order, none before its delay is over: what comes after a slow time must not overtake it. */
class DelayLine {
  #waiting: { action: () => void; dueMs: number }[] = [];

  add(action: () => void, delayMs: number): void {
    if (this.#waiting.length === 0 && delayMs === 0) return action();
    this.#waiting.push({ action, dueMs: performance.now() + delayMs });
    if (this.#waiting.length === 1) this.#schedule();
  }

  #schedule(): void {
    const next = this.#waiting[0];
    if (next === undefined) return;
    setTimeout(
      () => {
        next.action();
        this.#waiting.shift();
        this.#schedule();
      },
      Math.max(0, next.dueMs - performance.now()),
    );
  }
}

class Proxy implements FaultProxy {
  url: string;
  accepted = 0;
  #target: { host: string; port: number };
  #port: number;
  #server: Server | undefined;
  #pairs = new Set<Pair>();
  #fault: Fault = { kind: "pass" };
  #doomed: { text: string; happened: () => void } | undefined;

  constructor(serverUrl: string, port: number) {
    const url = new URL(serverUrl);
    this.#target = { host: url.hostname, port: Number(url.port) };
    this.#port = port;
    url.host = `127.0.0.1:${port}`;
    this.url = url.href;
  }

  get open(): number {
    return this.#pairs.size;
  }

  async pass(): Promise<void> {
    if (this.#fault.kind === "half_close") this.#breakAll();
    this.#fault = { kind: "pass" };
    this.#doomed = undefined;
    this.#forEachSocket((socket) => socket.resume()); // TCP repeats what a black hole has swallowed
    if (this.#server !== undefined) return;
    const server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#port, "127.0.0.1", resolve);
    });
  }

  async refuse(): Promise<void> {
    this.#fault = { kind: "refuse" };
    const server = this.#server;
    this.#server = undefined;
    const closed = new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
    this.#breakAll();
    await closed;
  }

  blackhole(): void {
    this.#fault = { kind: "blackhole" };
    this.#forEachSocket((socket) => socket.pause());
  }

  slow(latencyMs: number): void {
    this.#fault = { kind: "slow", latencyMs };
  }

  resetAfter(bytes: number): void {
    this.#fault = { kind: "reset", bytes };
    for (const pair of this.#pairs) if (pair.fromServer >= bytes) this.#break(pair);
  }

  halfClose(): void {
    this.#fault = { kind: "half_close" };
    for (const { client } of this.#pairs) client.end();
  }

  loseAnswerTo(text: string): Promise<void> {
    return new Promise((resolve) => (this.#doomed = { text, happened: resolve }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.refuse();
  }

  #accept(client: Socket): void {
    this.accepted += 1;
    const upstream = connect({ ...this.#target, allowHalfOpen: true });
    const pair: Pair = { client, upstream, fromServer: 0, losesAnswer: false };
    this.#pairs.add(pair);
    client.setNoDelay(true);
    upstream.setNoDelay(true);
    this.#forward(client, upstream, pair, (chunk) => this.#watchRequest(pair, chunk));
    this.#forward(upstream, client, pair, (chunk) => this.#watchAnswer(pair, chunk));
    if (this.#fault.kind === "half_close") client.end();
    if (this.#fault.kind === "blackhole") for (const socket of [client, upstream]) socket.pause();
  }

  #watchRequest(pair: Pair, chunk: Buffer): boolean {
    if (this.#doomed !== undefined && chunk.includes(this.#doomed.text)) {
      pair.losesAnswer = true;
      this.#doomed.happened();
      this.#doomed = undefined;
    }
    return true;
  }

  #watchAnswer(pair: Pair, chunk: Buffer): boolean {
    if (pair.losesAnswer) {
      this.#break(pair);
      return false;
    }
    pair.fromServer += chunk.length;
    if (this.#fault.kind !== "reset" || pair.fromServer < this.#fault.bytes) return this.#fault.kind !== "half_close";
    this.#break(pair);
    return false;
  }

  #forward(from: Socket, to: Socket, pair: Pair, mayPass: (chunk: Buffer) => boolean): void {
    const line = new DelayLine();
    const later = (action: () => void) => line.add(action, this.#fault.kind === "slow" ? this.#fault.latencyMs : 0);
    from.on("data", (chunk: Buffer) => {
      if (!mayPass(chunk)) return;
      later(() => {
        if (to.writable && !to.write(chunk)) from.pause();
      });
    });
    to.on("drain", () => void (this.#fault.kind !== "blackhole" && from.resume()));
    from.on("end", () => later(() => to.end()));
    from.on("error", () => to.resetAndDestroy());
    from.on("close", () => {
      this.#pairs.delete(pair);
      later(() => to.destroySoon());
    });
  }

  #forEachSocket(action: (socket: Socket) => void): void {
    for (const { client, upstream } of this.#pairs) for (const socket of [client, upstream]) action(socket);
  }

  #break(pair: Pair): void {
    this.#pairs.delete(pair);
    pair.client.resetAndDestroy();
    pair.upstream.destroy();
  }

  #breakAll(): void {
    for (const pair of this.#pairs) this.#break(pair);
  }
}

/** Starts the proxy before the server that the URL names. */
export async function startFaultProxy(serverUrl: string): Promise<FaultProxy> {
  const proxy = new Proxy(serverUrl, await stablePort());
  await proxy.pass();
  return proxy;
}
