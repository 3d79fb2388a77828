import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";

const LISTEN =
  'require("node:net").createServer().listen({ host: "127.0.0.1", port: Number(process.argv[1]), backlog: 1 }, () => console.log("up"))';
const ANSWERS_WITHIN_MS = 300;
const MOST = 16;

async function isAnswered(socket: Socket): Promise<boolean> {
  const connected = once(socket, "connect").then(() => true);
  const late = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), ANSWERS_WITHIN_MS));
  return Promise.race([connected, late]);
}

/**
 * A port that answers no one who wants to connect, as behind a firewall that drops: a listener that is held still, with a
 * queue that is full.
 */
export async function openSilentPort(port: number): Promise<AsyncDisposable> {
  const child = spawn(process.execPath, ["-e", LISTEN, String(port)], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  child.kill("SIGSTOP");
  const filling: Socket[] = [];
  do filling.push(connect(port, "127.0.0.1").on("error", () => undefined));
  while (filling.length < MOST && (await isAnswered(filling.at(-1) as Socket)));
  return {
    async [Symbol.asyncDispose]() {
      for (const socket of filling) socket.destroy();
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
    },
  };
}
