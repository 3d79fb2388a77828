import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { acquireProcessLock, LockHeldError } from "@chat-relay/embedded/process-lock";
import type { ProcessLock } from "@chat-relay/embedded/process-lock";
import { StartRefusal } from "./start-refusal.ts";

/** Makes the data directory and claims it: one launcher at a time. */
export function claimDataDir(dataDir: string): ProcessLock {
  try {
    mkdirSync(dataDir, { recursive: true });
    return acquireProcessLock(join(dataDir, "launcher.lock"));
  } catch (error) {
    if (error instanceof LockHeldError) {
      throw new StartRefusal(
        `already running as process ${error.holder.pid} on ${dataDir}: stop it first, or set CHAT_DATA_DIR to another folder`,
      );
    }
    throw new StartRefusal(
      `the data folder ${dataDir} cannot be used: ${(error as Error).message}. Set CHAT_DATA_DIR to a folder of your own`,
    );
  }
}
