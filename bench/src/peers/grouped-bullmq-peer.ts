import { addJobs, bullmqPeer, openQueue } from "./bullmq-peer.ts";
import { groupedWrites } from "./grouped-writes.ts";
import type { PeerMessage, PeerReply } from "./peer-message.ts";
import type { Peer } from "./peer.ts";

/** BullMQ with care: what comes together is inserted by one statement, and its jobs are added in one round trip. */
export const groupedBullmqPeer: Peer = {
  ...bullmqPeer,
  async openIntake(settings, store) {
    const queue = openQueue(settings);
    await queue.waitUntilReady();
    const insert = groupedWrites<PeerMessage>(store.insertMessages);
    const enqueue = groupedWrites<PeerMessage>((messages) => addJobs(queue, messages));
    return {
      accept: async (message) => {
        await insert(message);
        await enqueue(message);
      },
      keepReply: groupedWrites<PeerReply>(store.insertReplies),
    };
  },
};
