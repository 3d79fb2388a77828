import type { Trial } from "./fault-case.ts";

/** Sends so many messages, one behind the other, to a session of their own. */
export async function sendInOrder({ load }: Trial, count: number): Promise<void> {
  const [visitor] = await load.open(1);
  if (visitor === undefined) throw new Error("no session");
  for (let sent = 0; sent < count; sent += 1) await load.send(visitor);
}
