import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { AxeResults, RunOptions } from "axe-core";
import type { Page } from "playwright-core";

const SOURCE = readFile(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");

const WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
// Off by default in axe, though WCAG 2.2 AA asks for it.
const OPTIONS: RunOptions = { runOnly: WCAG, rules: { "target-size": { enabled: true } } };

/** What axe finds wrong on the page as it is now, one line each. The page's context must bypass its policy. */
export async function axeViolations(page: Page): Promise<string[]> {
  await page.evaluate(await SOURCE);
  const { violations } = await page.evaluate(
    (options) => (globalThis as unknown as { axe: { run(options: RunOptions): Promise<AxeResults> } }).axe.run(options),
    OPTIONS,
  );
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${JSON.stringify(target)} ${failureSummary}`),
  );
}
