import type { Consumer } from "@chat-relay/bus/consumer";
import type { Worker } from "@chat-relay/service/run";

export interface ConsumeWorkerOptions {
  consumer: Consumer;
  /** Rejects, and so ends the service, when the server cannot serve us. */
  untilReady: (signal: AbortSignal) => Promise<void>;
  graceMs: number;
  /** The grace time is over: calls under way are given up and handed back. */
  handBack: () => void;
}

/** Consumes work tokens until the signal, then waits for the calls under way, but no longer than the grace time. */
export function consumeWorker({ consumer, untilReady, graceMs, handBack }: ConsumeWorkerOptions): Worker {
  return {
    name: "consume",
    async run(signal) {
      const stopped = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
      await Promise.race([untilReady(signal), stopped]);
      let timer: NodeJS.Timeout | undefined;
      signal.addEventListener("abort", () => (timer = setTimeout(handBack, graceMs)), { once: true });
      if (!signal.aborted) await consumer.run(signal);
      clearTimeout(timer);
    },
  };
}
