/** One part of `npm run check`: the npm script of the root's package.json behind it, and what it answers for. */
export interface Gate {
  name: string;
  script: string;
  answersFor: string;
}

/** In the order in which they run: what is quick to fail and quick to mend comes first. */
export const GATES = [
  { name: "format", script: "check:format", answersFor: "oxfmt" },
  { name: "docs", script: "check:docs", answersFor: "docs/config.md, .env.example and docs/errors.md are true" },
  { name: "versions", script: "check:versions", answersFor: "one version of each dependency, tidy package.json files" },
  { name: "imports", script: "check:imports", answersFor: "who may import whom" },
  { name: "unused", script: "check:unused", answersFor: "no unused file, export or dependency" },
  { name: "lint", script: "check:lint", answersFor: "oxlint with types" },
  { name: "package", script: "check:package", answersFor: "what is published of packages/client: publint, attw" },
  { name: "types", script: "check:types", answersFor: "tsc in every workspace" },
] as const satisfies Gate[];

export type GateName = (typeof GATES)[number]["name"];
