import { ERRORS } from "@chat-relay/core/errors";

const ROW = /^\| +`([a-z_]+)` +\| +(\d{3}) +\| +(yes|no) +\|/gm;

interface DocumentedError {
  status: number;
  retryable: boolean;
}

function documented(text: string): Map<string, DocumentedError> {
  const rows = [...text.matchAll(ROW)];
  return new Map(
    rows.map(([, code = "", status, again]) => [code, { status: Number(status), retryable: again === "yes" }]),
  );
}

/** Where docs/errors.md differs from the catalogue, in both directions. */
export function errorDocProblems(text: string): string[] {
  const rows = documented(text);
  const known = new Set<string>(Object.keys(ERRORS));
  const invented = [...rows.keys()].filter((code) => !known.has(code)).map((code) => `${code} is not in the catalogue`);
  const wrong = Object.entries(ERRORS).flatMap(([code, { status, retryable }]) => {
    const row = rows.get(code);
    if (row === undefined) return [`${code} is missing`];
    if (row.status !== status) return [`${code} is ${status}, not ${row.status}`];
    return row.retryable === retryable ? [] : [`${code}: "again later" must be ${retryable ? "yes" : "no"}`];
  });
  return [...wrong, ...invented];
}
