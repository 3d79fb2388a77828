import { listenError } from "@chat-relay/embedded/free-port";
import { createServer, type Server } from "node:net";

// Below the ports that the system hands out for outgoing connections: one that is given up for a while, because a
// server is down, is still free when it comes back.
const FIRST = 20_000;
const BLOCKS = 60;
const BLOCK_SIZE = 200;

interface Block {
  first: number;
  next: number;
}

let block: Promise<Block> | undefined;

/** Whoever listens on a block's first port has the block, until the process ends. */
function claim(first: number): Promise<boolean> {
  const guard: Server = createServer();
  return new Promise((resolve) => {
    guard.once("error", () => resolve(false));
    guard.listen({ port: first, host: "127.0.0.1", exclusive: true }, () => {
      guard.unref();
      resolve(true);
    });
  });
}

async function claimBlock(): Promise<Block> {
  const start = Math.floor(Math.random() * BLOCKS);
  for (let tries = 0; tries < BLOCKS; tries += 1) {
    const first = FIRST + ((start + tries) % BLOCKS) * BLOCK_SIZE;
    if (await claim(first)) return { first, next: 1 };
  }
  throw new Error(`no free block of ports from ${FIRST}`);
}

/** A port that no other test process is given, for a server that is stopped and started again. */
export async function stablePort(): Promise<number> {
  const { first } = await (block ??= claimBlock());
  for (let tries = 1; tries < BLOCK_SIZE; tries += 1) {
    const mine = await block;
    const port = first + mine.next;
    mine.next = (mine.next % (BLOCK_SIZE - 1)) + 1;
    if ((await listenError(port)) === undefined) return port;
  }
  throw new Error(`no free port from ${first}`);
}
