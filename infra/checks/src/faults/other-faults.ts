import type { Fault } from "./fault.ts";

const RECEIVER = "apps/receiver/package.json";
const FASTIFY = '"fastify": "5.12.8"';

const FORMAT: Fault[] = [
  {
    gate: "format",
    name: "single quotes, no semicolon",
    changes: [{ file: "apps/gateway/src/planted.ts", text: "export const planted = 'x'\n" }],
    says: ["apps/gateway/src/planted.ts"],
  },
  {
    gate: "format",
    name: "a JSON file on one line",
    changes: [{ file: "apps/gateway/planted.json", text: '{"planted":\n1}' }],
    says: ["apps/gateway/planted.json"],
  },
];

const TYPES: Fault[] = [
  {
    gate: "types",
    name: "a type error",
    narrow: ["--filter=@chat-relay/gateway"],
    changes: [{ file: "apps/gateway/src/planted.ts", text: 'export const planted: number = "one";\n' }],
    says: ["src/planted.ts(1,14): error TS2322"],
  },
  {
    gate: "types",
    name: "a type error in a test",
    narrow: ["--filter=@chat-relay/core"],
    changes: [{ file: "packages/core/src/planted.test.ts", text: 'export const planted: number = "one";\n' }],
    says: ["src/planted.test.ts(1,14): error TS2322"],
  },
  {
    gate: "types",
    name: "core changes and an app, checked before, no longer fits",
    narrow: ["--filter=@chat-relay/gateway"],
    changes: [
      {
        file: "packages/core/src/ids.ts",
        from: "export function isId(text: string)",
        to: "export function isId(text: string, more: string)",
      },
    ],
    says: ["@chat-relay/gateway:check:types", "error TS2554"],
  },
  {
    gate: "types",
    name: "a type error in the root's vitest.config.ts",
    narrow: ["--filter=@chat-relay/checks"],
    changes: [{ file: "vitest.config.ts", append: 'export const planted: number = "one";\n' }],
    says: ["vitest.config.ts", "error TS2322"],
  },
  {
    gate: "types",
    name: "syntax that Node cannot strip",
    narrow: ["--filter=@chat-relay/gateway"],
    changes: [{ file: "apps/gateway/src/planted.ts", text: "export enum Planted {\n  One,\n}\n" }],
    says: ["src/planted.ts(1,13): error TS1294"],
  },
];

const UNUSED: Fault[] = [
  {
    gate: "unused",
    name: "a file that nothing imports",
    changes: [{ file: "apps/gateway/src/planted.ts", text: "export const planted = 1;\n" }],
    says: ["Unused files", "apps/gateway/src/planted.ts"],
  },
  {
    gate: "unused",
    name: "an export of an app that nothing uses",
    changes: [{ file: "apps/gateway/src/app.ts", append: "\nexport const planted = 1;\n" }],
    says: ["Unused exports", "planted"],
  },
  {
    gate: "unused",
    name: "an export of a package that nothing uses",
    changes: [{ file: "packages/core/src/ids.ts", append: "\nexport const planted = 1;\n" }],
    says: ["Unused exports", "planted"],
  },
  {
    gate: "unused",
    name: "a dependency that nothing uses",
    changes: [{ file: RECEIVER, from: FASTIFY, to: `${FASTIFY},\n    "undici": "8.12.4"` }],
    says: ["Unused dependencies", "undici"],
  },
  {
    gate: "unused",
    name: "a dependency that is used and not declared",
    changes: [{ file: "apps/receiver/src/app.ts", append: '\nexport { request as planted } from "undici";\n' }],
    says: ["Unlisted dependencies", "undici"],
  },
];

const VERSIONS: Fault[] = [
  {
    gate: "versions",
    name: "two versions of one dependency",
    changes: [{ file: RECEIVER, from: FASTIFY, to: '"fastify": "5.12.7"' }],
    says: ["multiple-dependency-versions", "fastify"],
  },
];

const PACKAGE: Fault[] = [
  {
    gate: "package",
    name: "types that are not published",
    changes: [{ file: "packages/client/package.json", from: "./dist/index.d.ts", to: "./dist/planted.d.ts" }],
    says: ["./dist/planted.d.ts"],
  },
];

export const OTHER_FAULTS: Fault[] = [...FORMAT, ...TYPES, ...UNUSED, ...VERSIONS, ...PACKAGE];
