import type { Bus } from "./bus.ts";
import { BusRefusedError } from "./errors.ts";

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/**
 * Ends a service whose NATS answers and cannot serve it. While NATS is merely away, gateway and receiver go on without it:
 * PostgreSQL alone decides what is accepted.
 */
export function busWorker(bus: Pick<Bus, "ready">) {
  return {
    name: "bus",
    async run(signal: AbortSignal): Promise<void> {
      const stopped = untilAborted(signal);
      const refused = bus.ready.catch((error: unknown) => {
        if (error instanceof BusRefusedError) throw error;
      });
      await Promise.race([stopped, refused]);
      await stopped;
    },
  };
}
