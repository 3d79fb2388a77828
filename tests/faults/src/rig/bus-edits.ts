import type { Edit } from "./edits.ts";

const BUS = "packages/bus/src/bus.ts";
const PROVISION = "packages/bus/src/provision.ts";
const SEND = "apps/gateway/src/use-cases/send-message.ts";

/** Guards against what happens to the bus. */
export const BUS_CONTROLS = {
  "a send waits for the bus": [
    {
      file: SEND,
      from: "        return this.#announce(acceptance);\n",
      // Until the stream answers, and not only until the publish has failed: without a leader it fails at once.
      to: "        for (; await this.#context.bus.state().catch(() => true) === true; ) await new Promise((resolve) => setTimeout(resolve, 100));\n        return this.#announce(acceptance);\n",
    },
  ],
  "drift is not refused": [{ file: PROVISION, from: "if (problems.length > 0) {", to: "if (problems.length > 99) {" }],
  "lost tokens are not looked for": [
    {
      file: "apps/dispatcher/src/sweep.ts",
      from: 'return breaker.state === "closed" ? state : undefined;',
      to: 'return breaker.state === "closed" && state.pending < 0 ? state : undefined;',
    },
  ],
  "no lease": [
    {
      file: "packages/database/src/claim-delivery.ts",
      from: "AND (s.lease_until IS NULL OR s.lease_until <= now()) AS is_mine",
      to: "AS is_mine",
    },
    {
      file: "packages/database/src/sweep-deliveries.ts",
      from: "        AND (s.lease_until IS NULL OR s.lease_until <= now())\n",
      to: "",
    },
  ],
  "the migrate step does not wait": [
    { file: "packages/bus/src/provision-bus.ts", from: "if (!mayPass(error) || ", to: "if (error !== undefined || " },
  ],
  "the server is not looked at": [{ file: BUS, from: "    checkServer(connection);\n", to: "" }],
  "what is missing is not made again": [
    {
      file: PROVISION,
      from: "  if (found.some((one) => one.missing)) await provision(jsm, limits);\n",
      to: "  void provision;\n",
    },
  ],
} satisfies Record<string, Edit[]>;
