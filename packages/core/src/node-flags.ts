/**
 * What Node is started with, by service; the image and docker-compose.yml have the same. V8 lets a process make
 * 64 MB of new objects before it looks which of them are still needed. A gateway holds thousands of quiet streams, and has less
 * room for that: with 8 MB it looks more often and takes less memory; with 4 it took a fifth more CPU under load. The others hold
 * nothing for long: what they make is over by the time V8 looks, if that is late enough.
 */
export const NODE_FLAGS: Readonly<Record<"dispatcher" | "gateway" | "migrate" | "receiver", readonly string[]>> = {
  dispatcher: [],
  gateway: ["--max-semi-space-size=8"],
  migrate: [],
  receiver: [],
};
