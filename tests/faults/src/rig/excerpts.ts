import type { Trial } from "./fault-case.ts";
import { mustHold } from "./violation.ts";

const EXCERPT_BYTES = 4_096;

const ERROR_BYTES = {
  name: "faults-error-bytes",
  text: "SELECT max(octet_length(error))::int AS bytes FROM chat_delivery_attempt WHERE message_id = ANY($1::uuid[])",
};

/** Of each message's failures something is kept, and not much. */
export async function checkExcerpts({ world }: Trial, ids: readonly string[]): Promise<void> {
  const [row] = await world.database.query<{ bytes: number | null }>(ERROR_BYTES, [ids]);
  const bytes = row?.bytes ?? 0;
  mustHold("of what n8n said a short excerpt is kept", bytes > 0 && bytes <= EXCERPT_BYTES ? [] : [`${bytes} bytes`]);
}
