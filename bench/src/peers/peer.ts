import type { ConversationStore } from "./conversation-store.ts";
import type { PeerMessage, PeerReply } from "./peer-message.ts";

export interface PeerSettings {
  databaseUrl: string;
  /** Of Redis or NATS, for peers that have one. */
  brokerUrl: string;
  n8nUrl: string;
  secret: string;
  port: number;
}

/** Posts a message to n8n, signed; throws unless it is taken. */
export type Deliver = (message: PeerMessage) => Promise<void>;

/** What a peer does with messages and replies in the process that visitors talk to. */
export interface PeerIntake {
  /** Done when the message is durable and will be delivered, whatever dies. */
  accept: (message: PeerMessage) => Promise<void>;
  /** Done when the reply is durable. */
  keepReply: (reply: PeerReply) => Promise<void>;
}

/** One way to do chat-relay's work with a queue that users would pick instead. */
export interface Peer {
  openIntake: (settings: PeerSettings, store: ConversationStore, deliver: Deliver) => Promise<PeerIntake>;
  /** Takes messages from the queue, in a process of its own that starts after the intake. */
  startWorker?: (settings: PeerSettings, deliver: Deliver) => Promise<void>;
}
