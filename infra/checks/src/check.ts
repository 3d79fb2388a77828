// `npm run check`: the one gate. All parts run, so that one look shows all there is to mend; `npm run check -- lint` runs one.
import { fileURLToPath } from "node:url";
import { GATES, type Gate } from "./gates.ts";
import { runGate } from "./run-gate.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

function chosen(names: string[]): Gate[] {
  const unknown = names.filter((name) => !GATES.some((gate) => gate.name === name));
  if (unknown.length > 0)
    throw new Error(`no such gate: ${unknown.join(", ")}; there are ${GATES.map((gate) => gate.name).join(", ")}`);
  return names.length === 0 ? [...GATES] : GATES.filter((gate) => names.includes(gate.name));
}

let failed = 0;
for (const gate of chosen(process.argv.slice(2))) {
  const { ok, output, durationMs } = await runGate(gate, { folder: ROOT, env: process.env });
  if (!ok) failed += 1;
  console.log(
    `${ok ? "ok  " : "FAIL"} ${gate.name.padEnd(9)} ${String(durationMs).padStart(6)} ms  ${gate.answersFor}`,
  );
  if (!ok) console.log(`\n${output.trim()}\n\nagain with: npm run ${gate.script}\n`);
}
process.exitCode = failed === 0 ? 0 : 1;
