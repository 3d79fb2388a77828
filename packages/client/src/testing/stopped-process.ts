// A process of its own, so that whatever a stopped client leaves behind can be seen, and keeps it from ending.
import { setImmediate as nextTurn } from "node:timers/promises";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { ChatClient } from "../index.ts";

const [url = "", ending] = process.argv.slice(2);
const client = new ChatClient({ url });
client.start();
client.send("Hello!");
if (ending === "live") {
  await waitFor("to be live", () => client.snapshot.connection === "live");
  await waitFor("it to be queued", () => client.snapshot.messages[0]?.state === "queued");
} else {
  await waitFor("to be offline", () => client.snapshot.connection === "offline");
}
client.stop();
await nextTurn();
const timers = process.getActiveResourcesInfo().filter((resource) => resource === "Timeout");
process.stdout.write(`${timers.length} timers`);
