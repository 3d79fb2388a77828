import { createServer } from "node:net";
import type { AddressInfo } from "node:net";

/** A TCP port on the loopback interface that was free a moment ago. Someone may still take it: callers retry. */
export async function freePort(host = "127.0.0.1"): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Why no server could listen on this port now (`EADDRINUSE`), or undefined when one could. */
export async function listenError(port: number, host = "127.0.0.1"): Promise<string | undefined> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    // exclusive: also inside a cluster worker the answer is about the machine.
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
