import { runCommand } from "./run-command.ts";

/** The release that is downloaded where no usable nats-server is found. */
export const NATS_RELEASE = "2.15.1";

/** Older servers ignore newer message options without a word. */
export const NATS_MINIMUM = "2.12.0";

/** The version a nats-server program prints, or undefined when it does not run here. */
export async function natsVersionOf(path: string): Promise<string | undefined> {
  const { ok, stdout, stderr } = await runCommand(path, ["--version"], { timeoutMs: 10_000 });
  return ok ? /\bv?(\d+\.\d+\.\d+)/.exec(stdout + stderr)?.[1] : undefined;
}

export function isNewEnough(version: string): boolean {
  return compareVersions(version, NATS_MINIMUM) >= 0;
}

/** Negative, zero or positive, as `a` is older, the same or newer. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split(".").map((part) => Number.parseInt(part, 10)));
  for (let i = 0; i < 3; i += 1) {
    const difference = (left?.[i] ?? 0) - (right?.[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
