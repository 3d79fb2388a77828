import { main } from "@chat-relay/service/main";
import { wireGateway } from "./wiring.ts";

// Not left to the event loop: what a library may still have open must not keep a stopped process alive.
process.exit(await main({ name: "gateway", env: process.env, wire: wireGateway }));
