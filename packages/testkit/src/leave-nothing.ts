/** Kills what must not outlive this process, of what is still alive. */
type Killer = () => void;

const killers = new Set<Killer>();

function killAll(): void {
  for (const kill of killers) kill();
  killers.clear();
}

process.once("exit", killAll);
// A run that is called off ends its workers with a signal, or by closing the line to them. Its own process ends in order.
const isWorker = process.env["VITEST_POOL_ID"] !== undefined;
for (const event of isWorker ? ["SIGINT", "SIGTERM", "disconnect"] : []) {
  process.once(event, () => {
    killAll();
    process.exit(1);
  });
}

/** From now on that dies with this process; returns the way to end that. */
export function leaveNothing(kill: Killer): () => void {
  killers.add(kill);
  return () => killers.delete(kill);
}
