import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { connectToNats } from "./connect.ts";
import { BusUnavailableError } from "./errors.ts";
import { provision, type Provisioned, type ProvisionLimits } from "./provision.ts";
import { checkServer } from "./server-check.ts";

async function connectWithin(servers: string[], timeoutMs: number): Promise<NatsConnection> {
  try {
    return await connectToNats({ servers, name: "chat-migrate", signal: AbortSignal.timeout(timeoutMs) });
  } catch (error) {
    throw new BusUnavailableError(`NATS did not answer within ${timeoutMs} ms`, { cause: error });
  }
}

/** Connects, provisions and disconnects: the migrate step's part on the bus. */
export async function provisionBus(
  options: ProvisionLimits & { natsUrl: string[] },
  patienceMs: number,
): Promise<Provisioned> {
  const connection = await connectWithin(options.natsUrl, patienceMs);
  try {
    checkServer(connection);
    return await provision(await jetstreamManager(connection, { checkAPI: false }), options);
  } finally {
    await connection.close();
  }
}
