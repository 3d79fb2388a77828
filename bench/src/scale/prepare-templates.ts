import { migrate } from "@chat-relay/database/migrate";
import type { VisitorSession } from "../load/live-stream.ts";
import type { Stage } from "../measure/stage.ts";
import { seedFinished } from "../seed/seed-finished.ts";
import { seedSessions } from "../seed/seed-sessions.ts";
import type { ScaleCase } from "./scale-case.ts";

/** A database that cases are copied from. */
export interface Template {
  database: string;
  sessions: VisitorSession[];
}

async function prepareTemplate(stage: Stage, database: string, { seed }: ScaleCase): Promise<Template> {
  const url = await stage.postgres.createDatabase(database);
  await migrate(url);
  const sessions = await seedSessions(url, seed.sessions);
  if (seed.finished !== undefined) await seedFinished(url, seed.finished);
  return { database, sessions };
}

/** Fills one database for each kind of content: a million messages are not put in anew for each round. */
export async function prepareTemplates(stage: Stage, cases: ScaleCase[]): Promise<Map<ScaleCase, Template>> {
  const byContent = new Map<string, Template>();
  const templates = new Map<ScaleCase, Template>();
  for (const scaleCase of cases) {
    const content = JSON.stringify(scaleCase.seed);
    const database = `bench_template_${byContent.size + 1}`;
    const template = byContent.get(content) ?? (await prepareTemplate(stage, database, scaleCase));
    byContent.set(content, template);
    templates.set(scaleCase, template);
  }
  return templates;
}
