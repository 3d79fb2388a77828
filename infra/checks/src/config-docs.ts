import { configEntries, type ConfigEntry } from "./config-entry.ts";

const INTRO = `# Configuration

<!-- Written by \`npm run docs:write\` from packages/core/src/config.ts. Do not edit: \`npm run check\` compares. -->

Every limit, timeout, name and default of chat-relay is one environment variable, read once when a process starts. A bad
value stops the process before it opens anything: it lists every problem and ends with exit code 78. An empty variable
counts as not set. Durations are whole milliseconds, sizes are bytes. Secrets never appear in a log.

\`npm start\` and \`npm run dev\` also read a file \`.env\` in the repo's root; what the environment sets already stays.
Begin with a copy of [\`.env.example\`](../.env.example).
`;

const TOOLS = `## Tools

Read by \`npm start\`, \`npm run dev\` and \`npm test\`, not by the services.

| variable | default | allowed | meaning |
| --- | --- | --- | --- |
| \`CHAT_TEST_INFRA\` | what is there | \`testcontainers\` or \`embedded\` | What \`npm test\` runs PostgreSQL and NATS on. By default containers where a Docker engine answers, else the embedded servers. |
| \`NATS_SERVER_BIN\` | found or downloaded | path of an executable | The \`nats-server\` to use where NATS is embedded. |
| \`NO_COLOR\` | none | any text | No colours in the output. |
`;

const HEAD = "| variable | default | allowed | meaning |\n| --- | --- | --- | --- |";

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

function defaultCell({ value, readable, defaultText }: ConfigEntry): string {
  if (value === undefined) return defaultText;
  return readable === undefined ? `\`${value}\`` : `\`${value}\` (${readable})`;
}

function row(entry: ConfigEntry): string {
  const cells = [`\`${entry.variable}\``, defaultCell(entry), entry.allowed, entry.meaning];
  return `| ${cells.map(cell).join(" | ")} |`;
}

/** The text of docs/config.md. */
export function configDocs(): string {
  const sections = [...configEntries()].map(
    ([section, entries]) => `## ${section}\n\n${HEAD}\n${entries.map(row).join("\n")}\n`,
  );
  return [INTRO, ...sections, TOOLS].join("\n");
}
