// One process of a peer: node peers/main.ts <gateway|worker> <peer>, settings in the environment.
import { createServer } from "node:http";
import { openConversationStore } from "./conversation-store.ts";
import { createDeliver } from "./deliver-webhook.ts";
import { createPeerGateway } from "./peer-gateway.ts";
import type { Peer, PeerSettings } from "./peer.ts";
import { PEERS, type PeerName } from "./peers.ts";

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}

async function runGateway(peer: Peer, settings: PeerSettings): Promise<void> {
  const store = openConversationStore(settings.databaseUrl);
  await store.createTable();
  const intake = await peer.openIntake(settings, store, createDeliver(settings));
  await createPeerGateway(intake, settings).listen({ port: settings.port, host: "127.0.0.1" });
}

async function runWorker(peer: Peer, settings: PeerSettings): Promise<void> {
  await peer.startWorker?.(settings, createDeliver(settings));
  // The benchmark waits for it.
  createServer((_request, response) => response.end()).listen(Number(setting("WORKER_PORT")), "127.0.0.1");
}

const [role, name] = process.argv.slice(2);
const peer = PEERS[name as PeerName];
const settings: PeerSettings = {
  databaseUrl: setting("DATABASE_URL"),
  brokerUrl: setting("BROKER_URL"),
  n8nUrl: setting("N8N_URL"),
  secret: setting("WEBHOOK_SECRET"),
  port: Number(setting("GATEWAY_PORT")),
};
await (role === "worker" ? runWorker(peer, settings) : runGateway(peer, settings));
