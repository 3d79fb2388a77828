import { defaultCacheDir } from "@chat-relay/embedded/nats-cache";
import { resolveNatsServer } from "@chat-relay/embedded/resolve-nats-server";
import { stablePort } from "@chat-relay/testkit/stable-port";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A NATS server that cannot serve chat-relay. */
export interface UnfitNats extends AsyncDisposable {
  url: string;
}

/** A real nats-server without JetStream. Whoever connects waits for it. */
export async function natsWithoutJetStream(): Promise<UnfitNats> {
  const cacheDir = defaultCacheDir(process.env, join(tmpdir(), "chat-relay-cache"));
  const { NATS_SERVER_BIN: binary, PATH: searchPath } = process.env;
  const { path } = await resolveNatsServer({ cacheDir, binary, searchPath, log: () => undefined });
  const port = await stablePort();
  const child = spawn(path, ["--addr", "127.0.0.1", "--port", String(port)], { stdio: "ignore" });
  const exited = once(child, "exit");
  return {
    url: `nats://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

function greet(socket: Socket, version: string): void {
  const info = {
    server_id: "old",
    server_name: "old",
    version,
    jetstream: true,
    headers: true,
    max_payload: 1_048_576,
  };
  socket.on("error", () => socket.destroy());
  socket.write(`INFO ${JSON.stringify(info)}\r\n`);
  socket.on("data", (chunk) => {
    if (chunk.includes("PING\r\n")) socket.write("PONG\r\n");
  });
}

/** As much of a nats-server of the version as a client sees when it connects: no program that old is at hand. */
export async function natsOfVersion(version: string): Promise<UnfitNats> {
  const port = await stablePort();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    greet(socket, version);
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `nats://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
