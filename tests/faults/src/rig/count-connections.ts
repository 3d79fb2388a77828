// Preloaded into a service (`node --import`): says of each TCP connection that the process tries to make where it goes,
// which no server can tell of those that are refused.
import { subscribe } from "node:diagnostics_channel";
import { writeSync } from "node:fs";
import type { Socket } from "node:net";
import { connectionLine } from "./connection-count.ts";

subscribe("net.client.socket", (message) => {
  const { socket } = message as { socket: Socket };
  socket.on("connectionAttempt", (_ip: string, port: number) => writeSync(2, connectionLine(port)));
});
