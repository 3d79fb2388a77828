import type { FaultProxy } from "@chat-relay/testkit/fault-proxy";
import { openFromClients, readResources, type Resources } from "./process-resources.ts";

/** What a service holds. */
export interface Holdings {
  /** Of the machine, without the connections that are its clients' to close; undefined where nothing tells of it. */
  machine: Resources | undefined;
  /** Connections to PostgreSQL, and to whichever node of NATS. */
  postgres: number;
  nats: number;
}

/**
 * Where to read it. Connections are counted by the service's own fault proxies: what PostgreSQL knows is the kind of a
 * service, and those of one that leaks would hide among what others have given back.
 */
export interface Holder {
  readonly pid: number | undefined;
  readonly url: string;
  readonly postgres: Pick<FaultProxy, "open">;
  readonly nats: readonly Pick<FaultProxy, "open">[];
}

function readMachine(pid: number, url: string): Resources | undefined {
  const read = readResources(pid);
  if (read === undefined) return undefined;
  return { ...read, descriptors: read.descriptors - openFromClients(Number(new URL(url).port)) };
}

/** Reads it; undefined while the service is down. */
export function readHoldings({ pid, url, postgres, nats }: Holder): Holdings | undefined {
  if (pid === undefined) return undefined;
  return {
    machine: readMachine(pid, url),
    postgres: postgres.open,
    nats: nats.reduce((sum, { open }) => sum + open, 0),
  };
}
