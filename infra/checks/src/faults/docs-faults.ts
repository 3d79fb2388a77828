import type { Fault } from "./fault.ts";

const ERRORS_DOC = "docs/errors.md";

export const DOCS_FAULTS: Fault[] = [
  {
    gate: "docs",
    name: "docs/config.md is edited by hand",
    changes: [
      { file: "docs/config.md", from: "| `CHAT_GATEWAY_PORT` | `3000` |", to: "| `CHAT_GATEWAY_PORT` | `8080` |" },
    ],
    says: ["docs/config.md is not what"],
  },
  {
    gate: "docs",
    name: ".env.example loses a variable",
    changes: [{ file: ".env.example", from: "#LOG_LEVEL=info\n", to: "" }],
    says: [".env.example is not what"],
  },
  {
    gate: "docs",
    name: "a default changes in CHAT_CONFIG",
    changes: [{ file: "packages/core/src/config.ts", from: "field.port(3000,", to: "field.port(8080," }],
    says: ["docs/config.md is not what", ".env.example is not what"],
  },
  {
    gate: "docs",
    name: "docs/errors.md forgets a code",
    changes: [{ file: ERRORS_DOC, from: "`forbidden`", to: "nothing" }],
    says: ["docs/errors.md: forbidden is missing"],
  },
  {
    gate: "docs",
    name: "docs/errors.md invents a code",
    changes: [{ file: ERRORS_DOC, append: "| `teapot` | 418 | no | Short. | Stout. |\n" }],
    says: ["docs/errors.md: teapot is not in the catalogue"],
  },
  {
    gate: "docs",
    name: "docs/errors.md has another status",
    changes: [{ file: ERRORS_DOC, from: "| 403 ", to: "| 401 " }],
    says: ["docs/errors.md: forbidden is 403, not 401"],
  },
  {
    gate: "docs",
    name: "docs/errors.md gives false hope",
    changes: [{ file: ERRORS_DOC, from: "| yes ", to: "| no " }],
    says: ['docs/errors.md: rate_limited: "again later" must be yes'],
  },
  {
    gate: "docs",
    name: "the catalogue gains a code",
    changes: [
      {
        file: "packages/core/src/errors.ts",
        from: "  forbidden: {",
        to: '  planted: { status: 418, title: "Planted", retryable: false },\n  forbidden: {',
      },
    ],
    says: ["docs/errors.md: planted is missing"],
  },
];
