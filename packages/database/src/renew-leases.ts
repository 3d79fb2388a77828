import type { Claim } from "./claim-delivery.ts";
import type { Database } from "./database.ts";

const RENEW = {
  name: "renew-leases",
  text: `
    UPDATE chat_session s SET lease_until = now() + $3 * interval '1 millisecond'
    FROM unnest($1::uuid[], $2::int[]) AS held (id, token)
    WHERE s.id = held.id AND s.lease_token = held.token AND s.lease_until IS NOT NULL
    RETURNING s.id`,
};

type Held = Pick<Claim, "sessionId" | "leaseToken">;

/** Renews leases in one statement; returns the sessions still held. A claim that is missing there was lost to another. */
export async function renewLeases(database: Database, held: Held[], leaseMs: number): Promise<Set<string>> {
  const sessionIds = held.map((claim) => claim.sessionId);
  const tokens = held.map((claim) => claim.leaseToken);
  const rows = await database.query<{ id: string }>(RENEW, [sessionIds, tokens, leaseMs]);
  return new Set(rows.map((row) => row.id));
}
