import { setTimeout as pause } from "node:timers/promises";
import { JetStreamApiError, jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { connectToNats } from "./connect.ts";
import { BusRefusedError, BusUnavailableError } from "./errors.ts";
import { provision, type Provisioned, type ProvisionLimits } from "./provision.ts";
import { checkServer } from "./server-check.ts";

const AGAIN_MS = 500;

/** What a cluster answers while it still elects a leader, or while too few of its nodes are up. */
const NOT_YET: ReadonlySet<number> = new Set([
  10_004, // incomplete results
  10_005, // no suitable peers for placement
  10_006, // not active
  10_008, // temporarily unavailable
  10_009, // not leader
]);

/** No answer at all counts too: nobody leads who could give one. */
function mayPass(error: unknown): boolean {
  return error instanceof JetStreamApiError ? NOT_YET.has(error.code) : !(error instanceof BusRefusedError);
}

/** A cluster that has just started answers connections well before it can make a stream. */
async function provisionWithin(jsm: JetStreamManager, limits: ProvisionLimits, timeoutMs: number) {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await provision(jsm, limits);
    } catch (error) {
      if (!mayPass(error) || performance.now() > deadlineMs) throw error;
      await pause(AGAIN_MS);
    }
  }
}

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
    return await provisionWithin(await jetstreamManager(connection, { checkAPI: false }), options, patienceMs);
  } finally {
    await connection.close();
  }
}
