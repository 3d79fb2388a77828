import { isAlive } from "./process-identity.ts";
import type { ProcessIdentity } from "./process-identity.ts";
import { waitUntil } from "./wait-until.ts";

/** One step of a stop: a signal, and how long to wait for its effect. */
export interface StopStep {
  signal: NodeJS.Signals;
  waitMs: number;
}

export const KILL: StopStep = { signal: "SIGKILL", waitMs: 5_000 };

/** Stops a process that is not our child, signal by signal. A process that got the pid later is never touched. */
export async function stopProcess(identity: ProcessIdentity, steps: readonly StopStep[]): Promise<boolean> {
  for (const { signal, waitMs } of steps) {
    if (!isAlive(identity)) return true;
    sendSignal(identity.pid, signal);
    if (await waitUntil(() => !isAlive(identity), { timeoutMs: waitMs })) return true;
  }
  return !isAlive(identity);
}

/** Sends a signal; a process (or group, when negative) that is already gone is no error. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
