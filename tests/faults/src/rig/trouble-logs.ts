import { mustHold } from "./violation.ts";
import type { World } from "./world.ts";

/** What input must never cause inside, by the names that reports use. */
const UNTROUBLED = {
  postgres: "PostgreSQL is never handed text that it cannot take",
  services: "no request fails unexpectedly",
} as const;

/** A unique key that decides a race is no trouble. */
const EXPECTED = "duplicate key value violates unique constraint";

/** Runs the work and looks for what the services and PostgreSQL logged of it. */
export async function untroubled(world: World, work: () => Promise<void>): Promise<void> {
  const from = new Map([...world.logs()].map(([name, log]) => [name, log.length]));
  await work();
  const fresh = [...world.logs()].map(([name, log]) => ({ name, lines: log.slice(from.get(name) ?? 0).split("\n") }));
  const found = (wanted: (line: string) => boolean) =>
    fresh.flatMap(({ name, lines }) => lines.filter(wanted).map((line) => `${name}: ${line.slice(0, 300)}`));
  mustHold(
    UNTROUBLED.postgres,
    found((line) => / ERROR: /.test(line) && !line.includes(EXPECTED)),
  );
  mustHold(
    UNTROUBLED.services,
    found((line) => line.includes('"request.failed"') || line.includes('"status":500')),
  );
}
