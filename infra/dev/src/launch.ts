import { once } from "node:events";
import { formatConfigProblems } from "@chat-relay/core/config";
import { baseUrl } from "./base-url.ts";
import { claimDataDir } from "./data-dir.ts";
import { stopLeftovers } from "./leftovers.ts";
import { readLauncherConfig } from "./launcher-config.ts";
import type { Environment, LauncherConfig } from "./launcher-config.ts";
import type { MergedLog } from "./merged-log.ts";
import { requireFreePorts } from "./port-check.ts";
import { Stack } from "./stack.ts";
import { StartRefusal } from "./start-refusal.ts";
import { onStopSignals } from "./stop-signals.ts";
import type { StopSignals } from "./stop-signals.ts";
import { EXIT_BAD_CONFIG } from "./supervisor.ts";

export interface LaunchOptions {
  root: string;
  env: Environment;
  mode: "run" | "watch";
  log: MergedLog;
  /** Ends this process at once. */
  exit: (code: number) => void;
}

const EXIT_FORCED = 1;
const LEFTOVER_GRACE_MS = 10_000;

/** Runs the whole stack until it is told to stop; resolves to the exit code. */
export async function launch(options: LaunchOptions): Promise<number> {
  const { env, root, log } = options;
  const parsed = readLauncherConfig(env, root);
  if (!parsed.ok) {
    log.say(formatConfigProblems(parsed.problems));
    return EXIT_BAD_CONFIG;
  }
  try {
    return await launchOn(parsed.launcher, options);
  } catch (error) {
    if (!(error instanceof StartRefusal)) throw error;
    log.say(error.message);
    return error.exitCode;
  }
}

async function launchOn(launcher: LauncherConfig, { root, mode, log, exit }: LaunchOptions): Promise<number> {
  using lock = claimDataDir(launcher.dataDir);
  let stack: Stack | undefined = undefined;
  using signals = onStopSignals(() => {
    log.say("forced to stop: killing everything");
    stack?.kill();
    lock.release();
    exit(EXIT_FORCED);
  });
  await stopLeftovers(launcher.dataDir, LEFTOVER_GRACE_MS, log.say);
  await requireFreePorts(launcher);
  let exitCode = 0;
  const onBadConfig = (name: string): void => {
    exitCode = EXIT_BAD_CONFIG;
    log.say(`${name} refuses its configuration (see above), stopping everything`);
    signals.stop();
  };
  stack = new Stack({ root, launcher, log, mode, signal: signals.signal, onBadConfig });
  return Math.max(await runToTheEnd(stack, launcher, log, signals), exitCode);
}

async function runToTheEnd(
  stack: Stack,
  launcher: LauncherConfig,
  log: MergedLog,
  { signal }: StopSignals,
): Promise<number> {
  const stop = async (): Promise<void> => {
    log.say("stopping");
    await stack.stop();
    log.say("stopped");
  };
  try {
    await stack.start();
    log.say(readyLine(launcher));
    if (!signal.aborted) await once(signal, "abort");
  } catch (error) {
    if (!signal.aborted) {
      log.say((error as Error).message);
      await stop();
      return error instanceof StartRefusal ? error.exitCode : 1;
    }
  }
  await stop();
  return 0;
}

function readyLine({ config, uses }: LauncherConfig): string {
  const n8n = uses.sampleBot
    ? `sample bot ${baseUrl(config.host, config.sampleBotPort)}`
    : new URL(config.n8nWebhookUrl).origin;
  return `ready  ${baseUrl(config.host, config.gatewayPort)}  (n8n: ${n8n})`;
}
