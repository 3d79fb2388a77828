/** Kills what must not outlive this process, of what is still alive. */
type Killer = () => void;

const killers = new Set<Killer>();

function killAll(): void {
  for (const kill of killers) kill();
  killers.clear();
}

process.once("exit", killAll);
// A run that is called off ends its workers with a signal, or by closing the line to them. Its own process is ended by vitest,
// or by a library that hears of the signal too and lets no "exit" happen.
const isWorker = process.env["VITEST_POOL_ID"] !== undefined;
for (const event of isWorker ? ["SIGINT", "SIGTERM", "disconnect"] : ["SIGINT", "SIGTERM"]) {
  process.once(event, () => {
    killAll();
    if (isWorker) process.exit(1);
  });
}

/** From now on that dies with this process; returns the way to end that. */
export function leaveNothing(kill: Killer): () => void {
  killers.add(kill);
  return () => killers.delete(kill);
}
