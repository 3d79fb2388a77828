import { BUS_WORLDS } from "./cases/bus-worlds.ts";
import { LIVE_CLUSTER_CASES } from "./cases/live-stores.ts";
import { NATS_CLUSTER_CASES } from "./cases/nats-cluster.ts";
import { faultTests } from "./rig/fault-tests.ts";

faultTests(BUS_WORLDS.cluster, [...NATS_CLUSTER_CASES, ...LIVE_CLUSTER_CASES]);
