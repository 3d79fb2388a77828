import { waitFor } from "@chat-relay/testkit/wait-for";
import { leads } from "./nats-monitor.ts";
import type { NatsNode } from "./store-servers.ts";
import type { SupervisedService } from "./supervised-service.ts";
import type { World } from "./world.ts";

/** Waits for a node that says of itself that it leads. */
export async function leaderOf(world: World, what: "stream" | "consumer"): Promise<NatsNode> {
  const find = async () => {
    const leading = await Promise.all(world.nats.map((node) => leads(node, what)));
    return world.nats[leading.indexOf(true)];
  };
  return waitFor(`a leader of the ${what}`, find, 60_000);
}

/** Waits until the node has all that the cluster has. */
export async function untilCaughtUp(node: NatsNode): Promise<void> {
  const check = async () => (await fetch(`${node.monitorUrl}/healthz`, { signal: AbortSignal.timeout(2_000) })).ok;
  await waitFor(`${node.serverName} to be healthy`, check, 60_000);
}

/** The node that the service's client is connected to. */
export async function nodeOf(world: World, service: SupervisedService): Promise<NatsNode> {
  const find = () => world.nats[service.nats.findIndex((proxy) => proxy.open > 0)];
  return waitFor(`${service.name} to be connected`, find);
}
