import type { CaseReport, ReportLine } from "./report.ts";

function sum(reports: readonly CaseReport[], value: (report: CaseReport) => number): number {
  return reports.reduce((total, report) => total + value(report), 0);
}

function figures(reports: readonly CaseReport[]): string[] {
  return reports.flatMap(({ measured }) => Object.entries(measured).map(([name, value]) => `  ${name}: ${value}`));
}

/** What a run came to, for the terminal. */
export function summarize(lines: readonly ReportLine[], seed: number): string {
  const reports = lines.flatMap((line) => ("case" in line ? [line.case] : []));
  const controls = lines.flatMap((line) => ("control" in line ? [line.control] : []));
  const invariants = new Set(reports.flatMap((report) => report.invariants));
  return [
    "",
    `Fault suite, seed ${seed}`,
    `  cases that held: ${reports.length}`,
    `  messages accepted: ${sum(reports, ({ accepted }) => accepted)}`,
    `  processes killed: ${sum(reports, ({ kills }) => kills)}`,
    `  calls to n8n: ${sum(reports, ({ calls }) => calls)}, of messages called before: ${sum(reports, ({ repeatedCalls }) => repeatedCalls)}`,
    `  callbacks: ${sum(reports, ({ callbacks }) => callbacks)}`,
    "Looked at after every case",
    ...[...invariants].map((name) => `  ${name}`),
    `Guards taken away, and what then failed: ${controls.length}`,
    ...controls.map(({ guard, seen }) => `  ${guard}: ${seen.slice(0, 200)}`),
    "Measured",
    ...figures(reports),
    "",
  ].join("\n");
}
