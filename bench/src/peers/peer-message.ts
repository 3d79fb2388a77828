/** A visitor's message on its way through a peer. */
export interface PeerMessage {
  id: string;
  sessionId: string;
  content: string;
  createdAt: string;
}

/** A reply as the workflow's callback brings it. */
export interface PeerReply {
  id: string;
  sessionId: string;
  replyTo: string;
  content: string;
  createdAt: string;
}
