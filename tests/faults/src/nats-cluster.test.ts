import { BUS_WORLDS } from "./cases/bus-worlds.ts";
import { NATS_CLUSTER_CASES } from "./cases/nats-cluster.ts";
import { faultTests } from "./rig/fault-tests.ts";

faultTests(BUS_WORLDS.cluster, NATS_CLUSTER_CASES);
