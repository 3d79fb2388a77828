import type { NatsConnection } from "@nats-io/transport-node";
import { BusRefusedError } from "./errors.ts";

/** Older servers silently ignore options that we set. */
const MIN_VERSION = [2, 12] as const;

function isOldEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map((part) => Number.parseInt(part, 10));
  return major > MIN_VERSION[0] || (major === MIN_VERSION[0] && minor >= MIN_VERSION[1]);
}

/** Refuses a server that is too old or has no JetStream. */
export function checkServer(connection: NatsConnection): void {
  const info = connection.info;
  if (info === undefined) return;
  const server = `the NATS server at ${connection.getServer()} (version ${info.version})`;
  if (!isOldEnough(info.version)) {
    throw new BusRefusedError(`${server} is too old: chat-relay needs ${MIN_VERSION.join(".")} or newer`);
  }
  if (info.jetstream !== true) {
    throw new BusRefusedError(
      `${server} has no JetStream: start it with -js or a jetstream block in its configuration`,
    );
  }
}
