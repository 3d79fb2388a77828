import type { Responder } from "@chat-relay/testkit/fake-n8n";
import type { ServerResponse } from "node:http";

const MIB = 1_024 * 1_024;

/** Endless, but for a limit that nobody should come to. */
export const ENDLESS_BYTES = 64 * MIB;

/** The kernel's and the proxy's buffers on the way, beyond the 1 MiB that is read. */
export const MOST_POURED_BYTES = 20 * MIB;

/** What left the fake n8n on an answer's connection. */
interface Poured {
  bytes: number;
}

const CHUNK = Buffer.alloc(64 * 1_024, "x");

/** A body of so many bytes, as fast as the caller reads it. */
export async function pour(response: ServerResponse, bytes: number, chunk: Buffer = CHUNK): Promise<void> {
  const closed = new Promise((resolve) => response.once("close", resolve));
  for (let sent = 0; sent < bytes && !response.destroyed; sent += chunk.length) {
    const room = new Promise((resolve) =>
      response.write(chunk) ? setImmediate(resolve) : response.once("drain", resolve),
    );
    await Promise.race([closed, room]);
  }
}

/** Answers with so much and never ends. */
export function pouring(status: number, contentType: string, bytes: number, chunk?: Buffer): Responder {
  return (_call, response) => {
    response.writeHead(status, { "content-type": contentType });
    return pour(response, bytes, chunk);
  };
}

/** Counts what leaves for the caller until it has hung up. */
export function counted(poured: Poured, responder: Responder): Responder {
  return (call, response) => {
    const { socket } = response;
    const before = socket?.bytesWritten ?? 0;
    response.on("close", () => (poured.bytes = Math.max(poured.bytes, (socket?.bytesWritten ?? 0) - before)));
    return responder(call, response);
  };
}
