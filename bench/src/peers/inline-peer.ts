import type { Peer } from "./peer.ts";

/** No queue: the visitor waits for n8n's answer to the call, and a call under way dies with the process. */
export const inlinePeer: Peer = {
  async openIntake(_settings, store, deliver) {
    return {
      accept: async (message) => {
        await store.insertMessage(message);
        await deliver(message);
      },
      keepReply: store.insertReply,
    };
  },
};
