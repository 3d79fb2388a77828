import type { Change, Fault } from "./fault.ts";

const FILE = "apps/gateway/src/planted.ts";
const TEST_FILE = "packages/core/src/planted.test.ts";

function lint(name: string, rule: string, text: string, file = FILE, others: Change[] = []): Fault {
  return { gate: "lint", name, changes: [{ file, text }, ...others], narrow: [file], says: [rule, `${file}:`] };
}

function test(call: string): string {
  return `import { describe, expect, test } from "vitest";\n\n${call}("planted", () => {\n  expect(describe).toBe(test);\n});\n`;
}

const lines = (count: number) => `export const planted = [\n${"  1,\n".repeat(count)}];\n`;

const PROMISES: Fault[] = [
  lint(
    "a promise that nobody awaits",
    "typescript(no-floating-promises)",
    "export function planted(work: () => Promise<void>): void {\n  work();\n}\n",
  ),
  lint(
    "a promise where nothing waits for one",
    "typescript(no-misused-promises)",
    "export function planted(list: number[], work: () => Promise<void>): void {\n  list.forEach(async () => {\n    await work();\n  });\n}\n",
  ),
  lint(
    "a promise returned out of a try",
    "typescript(return-await)",
    "export async function planted(work: () => Promise<string>): Promise<string> {\n  try {\n    return work();\n  } catch {\n    return await work();\n  }\n}\n",
  ),
  lint(
    "a promise returned out of `await using`",
    "typescript(return-await)",
    "export async function planted(open: () => AsyncDisposable, read: () => Promise<string>): Promise<string> {\n  await using _open = open();\n  return read();\n}\n",
  ),
  lint(
    "a promise returned out of `using`",
    "typescript(return-await)",
    "export async function planted(open: () => Disposable, read: () => Promise<string>): Promise<string> {\n  using _open = open();\n  return read();\n}\n",
  ),
];

const BROWSERS: Fault[] = [
  lint(
    "the client takes more than types from core",
    "eslint(no-restricted-imports)",
    'import { newId } from "@chat-relay/core/ids";\n\nexport const planted = newId();\n',
    "packages/client/src/planted.ts",
  ),
  lint(
    "the widget goes past the client",
    "eslint(no-restricted-imports)",
    'import { newId } from "@chat-relay/core/ids";\n\nexport const planted = newId();\n',
    "packages/widget/src/planted.ts",
  ),
];

const NODES: Fault[] = [
  lint(
    "an n8n node imports what n8n does not allow",
    "eslint(no-restricted-imports)",
    'import { readFileSync } from "node:fs";\n\nexport const planted = readFileSync;\n',
    "packages/n8n-nodes-chat-relay/src/planted.ts",
  ),
  lint(
    "an n8n node takes something of ours, which is not published with it",
    "eslint(no-restricted-imports)",
    'import { newId } from "@chat-relay/core/ids";\n\nexport const planted = newId();\n',
    "packages/n8n-nodes-chat-relay/src/planted.ts",
  ),
];

const CODE: Fault[] = [
  lint(
    "a switch that forgets a case",
    "typescript(switch-exhaustiveness-check)",
    'export function planted(kind: "a" | "b"): number {\n  switch (kind) {\n    case "a":\n      return 1;\n  }\n  return 2;\n}\n',
  ),
  lint("any", "typescript(no-explicit-any)", "export const planted = (value: any): unknown => value;\n"),
  lint("a default export", "import(no-default-export)", "export default 1;\n"),
  lint("a barrel", "oxc(no-barrel-file)", 'export * from "./app.ts";\n'),
  lint(
    "a circle of imports",
    "import(no-cycle)",
    'import { two } from "./planted-two.ts";\n\nexport const one = () => two;\n',
    FILE,
    [
      {
        file: "apps/gateway/src/planted-two.ts",
        text: 'import { one } from "./planted.ts";\n\nexport const two = () => one;\n',
      },
    ],
  ),
  lint("a file of more than 400 lines", "eslint(max-lines)", lines(399)),
  lint(
    "a name that is not kebab-case",
    "unicorn(filename-case)",
    "export const planted = 1;\n",
    "apps/gateway/src/plantedFile.ts",
  ),
  lint("console", "eslint(no-console)", 'export const planted = () => console.log("planted");\n'),
  lint("the environment outside main.ts", "node(no-process-env)", 'export const planted = process.env["PLANTED"];\n'),
  lint(
    "the environment by a detour",
    "eslint(no-restricted-properties)",
    "const { env } = process;\nexport const planted = env;\n",
  ),
  lint(
    "the environment by an import",
    "eslint(no-restricted-imports)",
    'import { env } from "node:process";\n\nexport const planted = env;\n',
  ),
  lint("exit outside main.ts", "eslint(no-restricted-properties)", "export const planted = () => process.exit(1);\n"),
  lint(
    "a disabled rule that nothing breaks",
    "Unused oxlint-disable directive",
    "// oxlint-disable-next-line no-console\nexport const planted = 1;\n",
  ),
];

const IMPORTS: Fault[] = [
  lint(
    "NATS outside packages/bus",
    "Only packages/bus knows NATS",
    'import { headers } from "@nats-io/transport-node";\n\nexport const planted = headers;\n',
  ),
  lint(
    "NATS in a test outside packages/bus",
    "Only packages/bus knows NATS",
    'import { headers } from "@nats-io/transport-node";\n\nexport const planted = headers;\n',
    TEST_FILE,
  ),
  ...["apps/gateway", "packages/core", "packages/bus", "infra/dev"].map((workspace) =>
    lint(
      `production code of ${workspace} imports testkit`,
      "Only tests import testkit",
      'import { waitFor } from "@chat-relay/testkit/wait-for";\n\nexport const planted = waitFor;\n',
      `${workspace}/src/planted.ts`,
    ),
  ),
  lint(
    "production code imports a test's own parts",
    "Only tests import testkit",
    'import { planted } from "./testing/planted.ts";\n\nexport const again = planted;\n',
    FILE,
    [{ file: "apps/gateway/src/testing/planted.ts", text: "export const planted = 1;\n" }],
  ),
];

const TESTS: Fault[] = [
  lint(
    "vi.mock",
    "vitest(no-restricted-vi-methods)",
    'import { vi } from "vitest";\n\nvi.mock("./ids.ts");\n',
    TEST_FILE,
  ),
  lint("test.only", "vitest(no-focused-tests)", test("test.only"), TEST_FILE),
  lint("test.skip", "vitest(no-disabled-tests)", test("test.skip"), TEST_FILE),
  lint("describe.only", "vitest(no-focused-tests)", test("describe.only"), TEST_FILE),
  lint(
    "a test that checks nothing",
    "vitest(expect-expect)",
    'import { test } from "vitest";\n\ntest("planted", () => {});\n',
    TEST_FILE,
  ),
  lint("a test file of more than 600 lines", "eslint(max-lines)", lines(599), TEST_FILE),
];

// Looked for in the whole tree, so that it is certain that the gate gets to see new files.
const ANYWHERE: Fault[] = CODE.slice(0, 1).map(({ narrow: _, ...fault }) => ({
  ...fault,
  name: `${fault.name}, anywhere`,
}));

export const LINT_FAULTS: Fault[] = [...ANYWHERE, ...BROWSERS, ...NODES, ...PROMISES, ...CODE, ...IMPORTS, ...TESTS];
