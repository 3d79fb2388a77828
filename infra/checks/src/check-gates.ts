// `npm run check:gates`: plants a fault for each thing that the gates promise to find, in a copy of the working tree, and
// sees that its gate fails because of it. `npm run check:gates -- lint docs` does so for some gates.
import { fileURLToPath } from "node:url";
import { DOCS_FAULTS } from "./faults/docs-faults.ts";
import type { Fault } from "./faults/fault.ts";
import { IMPORT_FAULTS } from "./faults/import-faults.ts";
import { LINT_FAULTS } from "./faults/lint-faults.ts";
import { OTHER_FAULTS } from "./faults/other-faults.ts";
import { GATES, type GateName } from "./gates.ts";
import { copyWorkingTree, type PlantedCopy } from "./planted-copy.ts";
import { runGate, type GateResult } from "./run-gate.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const FAULTS = [...OTHER_FAULTS, ...DOCS_FAULTS, ...IMPORT_FAULTS, ...LINT_FAULTS];

let failures = 0;

function report(ok: boolean, gate: string, what: string, durationMs: number, why = ""): void {
  if (!ok) failures += 1;
  console.log(`${ok ? "ok  " : "FAIL"} ${gate.padEnd(9)} ${String(durationMs).padStart(6)} ms  ${what}`);
  if (!ok) console.log(why.trim().replaceAll(/^/gm, "       "));
}

async function run(copy: PlantedCopy, name: GateName, args: string[] = []): Promise<GateResult> {
  const gate = GATES.find((candidate) => candidate.name === name);
  if (gate === undefined) throw new Error(`no gate ${name}`);
  return await runGate(gate, { folder: copy.folder, env: process.env, args });
}

/** The words that the gate should have said and did not; it may break its lines anywhere. */
function missing(fault: Fault, output: string): string[] {
  const flat = output.replaceAll(/[\s|]+/g, " ");
  return fault.says.filter((words) => !flat.includes(words));
}

async function prove(copy: PlantedCopy, fault: Fault, clean: GateResult): Promise<void> {
  const undo = await copy.plant(fault.changes);
  const result = await run(copy, fault.gate, fault.narrow);
  await undo();
  const unsaid = missing(fault, result.output);
  const always = missing(fault, clean.output).length === 0;
  const ok = !result.ok && unsaid.length === 0 && !always;
  const why = result.ok
    ? "the gate passed"
    : always
      ? "the gate says so without the fault, too"
      : `not said: ${unsaid.join(" | ")}\n${result.output}`;
  report(ok, fault.gate, fault.name, result.durationMs, why);
}

const startedAt = performance.now();
const asked = process.argv.slice(2);
await using copy = await copyWorkingTree(ROOT);
for (const { name } of GATES.filter((gate) => asked.length === 0 || asked.includes(gate.name))) {
  const clean = await run(copy, name);
  report(clean.ok, name, "passes without a fault", clean.durationMs, clean.output);
  for (const fault of FAULTS.filter((candidate) => candidate.gate === name)) await prove(copy, fault, clean);
  const after = await run(copy, name);
  report(after.ok === clean.ok, name, "is as before when all are taken back", after.durationMs, after.output);
}
console.log(
  `\n${failures === 0 ? "every gate can fail, and for the right reason" : `${failures} failures`} (${Math.round((performance.now() - startedAt) / 1_000)} s)`,
);
process.exitCode = failures === 0 ? 0 : 1;
