import { main } from "@chat-relay/service/main";
import { wireReceiver } from "./wiring.ts";

// Not process.exit(): the logger may still have lines to write.
process.exitCode = await main({ name: "receiver", env: process.env, wire: wireReceiver });
