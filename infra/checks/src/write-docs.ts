// `npm run docs:write`: writes the generated documents. With --check: says what is not as it would be written.
import { readFile, writeFile } from "node:fs/promises";
import { configDocs } from "./config-docs.ts";
import { envExample } from "./env-example.ts";
import { errorDocProblems } from "./error-doc-problems.ts";

const ROOT = new URL("../../../", import.meta.url);
const GENERATED = { "docs/config.md": configDocs(), ".env.example": envExample() };

async function read(path: string): Promise<string> {
  return await readFile(new URL(path, ROOT), "utf8").catch(() => "");
}

async function staleDocuments(): Promise<string[]> {
  const stale: string[] = [];
  for (const [path, text] of Object.entries(GENERATED)) {
    if ((await read(path)) !== text)
      stale.push(`${path} is not what packages/core/src/config.ts says: npm run docs:write`);
  }
  return stale;
}

async function check(): Promise<string[]> {
  const problems = errorDocProblems(await read("docs/errors.md"));
  return [...(await staleDocuments()), ...problems.map((problem) => `docs/errors.md: ${problem}`)];
}

if (process.argv.includes("--check")) {
  const problems = await check();
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length === 0 ? 0 : 1;
} else {
  for (const [path, text] of Object.entries(GENERATED)) await writeFile(new URL(path, ROOT), text);
}
