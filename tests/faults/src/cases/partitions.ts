import { checkCalledOnce } from "../rig/called-once.ts";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { untilFenced } from "../rig/delivery-watch.ts";
import type { FaultCase } from "../rig/fault-case.ts";
import { givenHeldCall } from "../rig/held-call.ts";
import { untilTerminal } from "../rig/ledger.ts";
import { mustHold } from "../rig/violation.ts";

const RESUMED_WITHIN_MS = 30_000;
const DONE_WITHIN_MS = 60_000;

/** One dispatcher cut off from a server that the others still reach. */
export const PARTITION_CASES: FaultCase[] = [
  {
    name: "a dispatcher cut off from PostgreSQL in mid-call: another finishes, and the late settle is fenced",
    async run(trial) {
      const { load, world, calls, measure, allow } = trial;
      allow({ overlap: true });
      const { open, holder, before } = await givenHeldCall(trial);
      holder.postgres.blackhole();
      const cutAtMs = Date.now();
      const again = await waitFor("the next call", () => calls[1], 60_000);
      const tookMs = again.receivedAtMs - cutAtMs;
      measure("dispatcher cut off from PostgreSQL: its message called again after ms", tookMs);
      const late = tookMs > RESUMED_WITHIN_MS;
      mustHold("work that a dispatcher cannot finish is taken over", late ? [`it took ${tookMs} ms`] : []);
      await untilTerminal(world, load, DONE_WITHIN_MS);
      open();
      await holder.postgres.pass();
      await untilFenced(holder, before);
    },
  },
  {
    name: "a dispatcher cut off from NATS in mid-call: it finishes, nobody calls again, and others go on",
    async run(trial) {
      const { load, world } = trial;
      const { open, holder } = await givenHeldCall(trial);
      const redelivered = async () => ((await world.bus())?.redelivered ?? 0) > 0;
      for (const proxy of holder.nats) proxy.blackhole();
      await waitFor("the token to be given to another", redelivered);
      open();
      await untilTerminal(world, load, DONE_WITHIN_MS);
      checkCalledOnce(trial.calls);
    },
  },
];
