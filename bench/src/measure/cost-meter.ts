import { CORES, machineTimes } from "../cost/machine.ts";
import { treeCpuSeconds, treeMemoryBytes } from "../cost/process-tree-cost.ts";
import type { PipelineServer } from "../pipelines/pipeline.ts";
import type { PhaseCost } from "./leg.ts";

/** Reads what the servers of a pipeline cost. */
export interface CostMeter {
  /** Begins a phase; the function it returns ends it, given the messages that were answered. */
  start(): (answered: number) => PhaseCost;
  memoryBytes(): Record<string, number>;
}

function sum(values: Iterable<number>): number {
  return [...values].reduce((total, value) => total + value, 0);
}

/** `bystanders` belong to the benchmark: the stub, and this process. */
export function costMeter(servers: PipelineServer[], bystanders: number[]): CostMeter {
  const cpuByServer = () => new Map(servers.map(({ name, pid }) => [name, treeCpuSeconds(pid)]));
  // Without what this process has below it: those are the servers.
  const bystanderCpu = () => sum(bystanders.map(treeCpuSeconds)) + ownCpuSeconds();
  const start: CostMeter["start"] = () => {
    const before = {
      servers: cpuByServer(),
      bystanders: bystanderCpu(),
      machine: machineTimes(),
      ms: performance.now(),
    };
    return (answered) => {
      const cpuSeconds = Object.fromEntries(
        [...cpuByServer()].map(([name, seconds]) => [name, seconds - (before.servers.get(name) ?? 0)]),
      );
      const machine = machineTimes();
      const coreSeconds = ((performance.now() - before.ms) / 1_000) * CORES;
      const used = sum(Object.values(cpuSeconds));
      const others = machine.busySeconds - before.machine.busySeconds - used - (bystanderCpu() - before.bystanders);
      return {
        cpuSeconds,
        cpuPerThousand: (used / answered) * 1_000,
        othersShare: Math.max(0, others / coreSeconds),
        stolenShare: (machine.stolenSeconds - before.machine.stolenSeconds) / coreSeconds,
      };
    };
  };
  return {
    start,
    memoryBytes: () => Object.fromEntries(servers.map(({ name, pid }) => [name, treeMemoryBytes(pid)])),
  };
}

function ownCpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
