import { identifyProcess } from "@chat-relay/embedded/process-identity";
import type { ProcessIdentity } from "@chat-relay/embedded/process-identity";
import { runCommand } from "@chat-relay/embedded/run-command";

/** All processes below one, as far as the system tells. */
export async function descendantsOf(pid: number): Promise<ProcessIdentity[]> {
  const { stdout } = await runCommand("ps", ["-A", "-o", "pid=,ppid="], { timeoutMs: 5_000 });
  const childrenOf = new Map<number, number[]>();
  for (const line of stdout.split("\n")) {
    const [child = 0, parent = 0] = line.trim().split(/\s+/).map(Number);
    childrenOf.set(parent, [...(childrenOf.get(parent) ?? []), child]);
  }
  const found: number[] = [];
  const collect = (parent: number): void => {
    for (const child of childrenOf.get(parent) ?? []) {
      found.push(child);
      collect(child);
    }
  };
  collect(pid);
  return found.map(identifyProcess).filter((identity) => identity !== undefined);
}
