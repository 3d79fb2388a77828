import { DRIFT_CASES, DRIFT_INVARIANTS } from "./cases/drift.ts";
import { CLUSTER_INVARIANTS, NATS_CLUSTER_CASES } from "./cases/nats-cluster.ts";
import { FULL_STREAM_CASES } from "./cases/sweeps.ts";
import { BUS_WORLDS } from "./cases/bus-worlds.ts";
import { CALLED_ONCE } from "./rig/called-once.ts";
import { controlTests, type Control } from "./rig/control-tests.ts";
import type { ControlName } from "./rig/edits.ts";
import { INVARIANTS } from "./rig/ledger.ts";

function drift(guard: ControlName, caseName: string, failsWith: string): Control {
  return { guard, world: { ...BUS_WORLDS.drift, without: [guard] }, cases: DRIFT_CASES, caseName, failsWith };
}

function cluster(guard: ControlName, caseName: string, failsWith: string): Control {
  return { guard, world: { ...BUS_WORLDS.cluster, without: [guard] }, cases: NATS_CLUSTER_CASES, caseName, failsWith };
}

controlTests([
  drift("drift is not refused", "ack_wait", DRIFT_INVARIANTS.refused),
  drift("the server is not looked at", "a nats-server without JetStream", DRIFT_INVARIANTS.refused),
  drift("the server is not looked at", "a nats-server that is too old", DRIFT_INVARIANTS.refused),
  drift("what is missing is not made again", "the consumer deleted", DRIFT_INVARIANTS.healed),
  drift("what is missing is not made again", "the stream deleted while services run", DRIFT_INVARIANTS.healed),
  drift("lost tokens are not looked for", "the stream purged", DRIFT_INVARIANTS.kept),
  {
    guard: "lost tokens are not looked for",
    world: { ...BUS_WORLDS.fullStream, without: ["lost tokens are not looked for"] },
    cases: FULL_STREAM_CASES,
    caseName: "the stream is full",
    failsWith: INVARIANTS.terminal,
  },
  cluster("a send waits for the bus", "two of three nodes", CLUSTER_INVARIANTS.accepted),
  cluster("the migrate step does not wait", "two of three nodes", CLUSTER_INVARIANTS.migrated),
  cluster("no lease", "the leader held still", CALLED_ONCE),
]);
