import type { NatsNode } from "./store-servers.ts";

/** Stream and consumer as the server's own monitoring sees them: no client of ours touches what is tested. */
export interface BusAtRest {
  streamLeader: string | undefined;
  consumerLeader: string | undefined;
  messages: number;
  lastSequence: number;
  pending: number;
  ackPending: number;
  redelivered: number;
}

interface Jsz {
  account_details?: {
    stream_detail?: {
      name: string;
      cluster?: { leader?: string };
      state: { messages: number; last_seq: number };
      consumer_detail?: {
        name: string;
        cluster?: { leader?: string };
        num_pending: number;
        num_ack_pending: number;
        num_redelivered: number;
      }[];
    }[];
  }[];
}

/** What the node knows of the stream; undefined while it has none, or is away. In a cluster ask the leader. */
export async function readBus(node: NatsNode): Promise<BusAtRest | undefined> {
  const url = `${node.monitorUrl}/jsz?streams=true&consumers=true&config=false`;
  const response = await fetch(url, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
  if (response?.ok !== true) return undefined;
  const { account_details: accounts = [] } = (await response.json()) as Jsz;
  const stream = accounts.flatMap((account) => account.stream_detail ?? []).find(({ name }) => name === "CHAT");
  const consumer = stream?.consumer_detail?.find(({ name }) => name === "dispatcher");
  if (stream === undefined || consumer === undefined) return undefined;
  return {
    streamLeader: stream.cluster?.leader,
    consumerLeader: consumer.cluster?.leader,
    messages: stream.state.messages,
    lastSequence: stream.state.last_seq,
    pending: consumer.num_pending,
    ackPending: consumer.num_ack_pending,
    redelivered: consumer.num_redelivered,
  };
}

type RaftGroups = Record<string, Record<string, { state: string }>>;

/** Whether the node leads the stream's or the consumer's raft group now; after a restart `readBus` still tells of before. */
export async function leads(node: NatsNode, what: "stream" | "consumer"): Promise<boolean> {
  const signal = AbortSignal.timeout(2_000);
  const response = await fetch(`${node.monitorUrl}/raftz?acc=$G`, { signal }).catch(() => undefined);
  if (response?.ok !== true) return false;
  const groups = Object.entries(((await response.json()) as RaftGroups)["$G"] ?? {});
  const prefix = what === "stream" ? "S-" : "C-";
  return groups.some(([name, { state }]) => name.startsWith(prefix) && state === "LEADER");
}
