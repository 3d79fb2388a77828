import { jetstreamManager } from "@nats-io/jetstream";
import { connectToNats } from "./connect.ts";
import { BusUnavailableError } from "./errors.ts";
import { provision, type Provisioned, type ProvisionLimits } from "./provision.ts";
import { checkServer } from "./server-check.ts";

async function within<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new BusUnavailableError(`NATS did not answer within ${timeoutMs} ms`)), timeoutMs);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Connects, provisions and disconnects: the migrate step's part on the bus. */
export async function provisionBus(options: ProvisionLimits & { natsUrl: string[] }, patienceMs: number): Promise<Provisioned> {
  const connection = await within(connectToNats({ servers: options.natsUrl, name: "chat-migrate" }), patienceMs);
  try {
    checkServer(connection);
    return await provision(await jetstreamManager(connection, { checkAPI: false }), options);
  } finally {
    await connection.close();
  }
}
