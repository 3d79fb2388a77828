import { bullmqPeer } from "./bullmq-peer.ts";
import { graphileWorkerPeer } from "./graphile-worker-peer.ts";
import { groupedBullmqPeer } from "./grouped-bullmq-peer.ts";
import { inlinePeer } from "./inline-peer.ts";
import type { Peer } from "./peer.ts";
import { pgBossPeer } from "./pg-boss-peer.ts";
import { plainJetstreamPeer } from "./plain-jetstream-peer.ts";
import { polledTablePeer } from "./polled-table-peer.ts";

/** All peers, by the names that `--only` takes. */
export const PEERS = {
  bullmq: bullmqPeer,
  "bullmq-grouped": groupedBullmqPeer,
  "pg-boss": pgBossPeer,
  "graphile-worker": graphileWorkerPeer,
  "polled-5s": polledTablePeer(5_000),
  "polled-100ms": polledTablePeer(100),
  jetstream: plainJetstreamPeer,
  inline: inlinePeer,
} as const satisfies Record<string, Peer>;

export type PeerName = keyof typeof PEERS;
