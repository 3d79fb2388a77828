import { main } from "@chat-relay/service/main";
import { wireDispatcher } from "./wiring.ts";

process.exit(await main({ name: "dispatcher", env: process.env, wire: wireDispatcher }));
