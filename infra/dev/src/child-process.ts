import { spawnServerChild } from "@chat-relay/embedded/server-process";
import type { ProcessExit } from "@chat-relay/embedded/server-process";
import { KILL } from "@chat-relay/embedded/stop-process";
import type { StopStep } from "@chat-relay/embedded/stop-process";
import type { ProcessRecord } from "./leftovers.ts";

/** What the supervisor needs of a running process, ours or an embedded server. */
export interface RunningProcess {
  readonly pid: number;
  readonly exited: Promise<ProcessExit>;
  stop: () => Promise<void>;
  kill: (signal: NodeJS.Signals) => void;
}

export interface ChildOptions {
  name: string;
  args: readonly string[];
  /** Node itself unless given. */
  command?: string;
  cwd: string;
  env: NodeJS.ProcessEnv;
  stopSteps: readonly StopStep[];
  onLine: (line: string) => void;
  record: ProcessRecord;
}

/** Starts a process of ours, notes it for the next launcher, and forgets it when it is gone. */
export async function startChild(options: ChildOptions): Promise<RunningProcess> {
  const { name, args, cwd, env, stopSteps, onLine, record, command = process.execPath } = options;
  const child = await spawnServerChild({ command, args, env, cwd }, onLine);
  record.add(name, child.identity);
  void child.exited.then(() => record.remove(child.identity));
  const stop = async (): Promise<void> => await child.stop([...stopSteps, KILL]);
  return { pid: child.identity.pid, exited: child.exited, stop, kill: child.kill };
}
