import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { waitFor } from "@chat-relay/testkit/wait-for";

const REPO_ROOT = resolve(import.meta.dirname, "../../..");

/** The sample bot of `npm start`, as a process. */
export async function startSampleBot(port: number, webhookSecret: string): Promise<AsyncDisposable> {
  const own = { CHAT_SAMPLE_BOT_PORT: String(port), CHAT_WEBHOOK_SECRET: webhookSecret };
  const child = spawn(process.execPath, ["infra/dev/src/sample-bot.ts"], {
    cwd: REPO_ROOT,
    env: { PATH: process.env["PATH"], ...own },
    stdio: "ignore",
  });
  const isReady = async (): Promise<boolean> => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;
  await waitFor("the sample bot", isReady, 60_000);
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      if (child.exitCode === null) await once(child, "exit");
    },
  };
}
