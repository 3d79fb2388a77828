import { join } from "node:path";
import { NODE_FLAGS } from "@chat-relay/core/node-flags";
import { sendSignal } from "@chat-relay/embedded/stop-process";
import type { StopStep } from "@chat-relay/embedded/stop-process";
import { startChild } from "./child-process.ts";
import type { RunningProcess } from "./child-process.ts";
import type { ProcessRecord } from "./leftovers.ts";
import type { Environment } from "./launcher-config.ts";
import type { MergedLog } from "./merged-log.ts";
import { descendantsOf } from "./process-tree.ts";

/** What every child of this start has in common. */
export interface ChildSurroundings {
  root: string;
  env: Environment;
  log: MergedLog;
  record: ProcessRecord;
  /** How long a service may take to finish its work after SIGTERM. */
  graceMs: number;
}

export const APPS = ["dispatcher", "receiver", "gateway"] as const;

/** Runs one of the apps under the Node that runs us, with its flags. */
export async function startApp(
  name: (typeof APPS)[number] | "migrate",
  around: ChildSurroundings,
): Promise<RunningProcess> {
  return await startScript(name, `apps/${name}/src/main.ts`, terminate(around.graceMs), around, NODE_FLAGS[name]);
}

/** Makes the files of the widget, which the gateway serves. */
export async function buildWidget(around: ChildSurroundings): Promise<RunningProcess> {
  return await startScript("widget", "packages/widget/src/build.ts", terminate(1_000), around);
}

export async function startSampleBot(around: ChildSurroundings): Promise<RunningProcess> {
  return await startScript("sample-bot", "infra/dev/src/sample-bot.ts", terminate(1_000), around);
}

/** The apps with reload on change: `turbo run dev`, whose lines already carry the name of the app. */
export async function startTurboDev({ root, env, log, record, graceMs }: ChildSurroundings): Promise<RunningProcess> {
  const onLine = (line: string): void => {
    const [, app, text] = /^(?:@chat-relay\/)?([\w-]+):dev: ?(.*)$/s.exec(line) ?? [];
    if (app === undefined || text === undefined) log.from("turbo", line);
    else if (!text.startsWith("> ")) log.from(app, text);
  };
  // Loose: the tasks get the whole environment, the addresses of the embedded servers among it.
  const args = ["run", "dev", "--ui=stream", "--env-mode=loose", "--output-logs=full"];
  const turboEnv = { ...env, TURBO_TELEMETRY_DISABLED: "1", TURBO_NO_UPDATE_NOTIFIER: "1" };
  const command = join(root, "node_modules/.bin/turbo");
  const stopSteps: StopStep[] = [
    { signal: "SIGINT", waitMs: graceMs },
    { signal: "SIGTERM", waitMs: 1_000 },
  ];
  const turbo = await startChild({ name: "turbo", command, args, cwd: root, env: turboEnv, stopSteps, onLine, record });
  return { ...turbo, stop: async () => await stopWithTasks(turbo) };
}

// Asked to stop, turbo waits for its tasks for ten seconds and then kills them, but does not tell them.
async function stopWithTasks(turbo: RunningProcess): Promise<void> {
  const tasks = await descendantsOf(turbo.pid);
  const stopped = turbo.stop();
  for (const { pid } of tasks) sendSignal(pid, "SIGTERM");
  await stopped;
}

async function startScript(
  name: string,
  script: string,
  stopSteps: StopStep[],
  around: ChildSurroundings,
  nodeFlags: readonly string[] = [],
): Promise<RunningProcess> {
  const { root, env, log, record } = around;
  return await startChild({
    name,
    args: [...nodeFlags, join(root, script)],
    cwd: root,
    env: { ...env },
    stopSteps,
    onLine: (line) => log.from(name, line),
    record,
  });
}

function terminate(waitMs: number): StopStep[] {
  return [{ signal: "SIGTERM", waitMs }];
}
