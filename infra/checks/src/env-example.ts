import { configEntries, type ConfigEntry } from "./config-entry.ts";

const INTRO = `# Every variable of chat-relay with its default. Copy to .env, and uncomment what you change.
# Written by \`npm run docs:write\`; what is allowed and more words: docs/config.md.
`;

function lines({ variable, meaning, value, readable, defaultText }: ConfigEntry): string {
  const fallback = value === undefined ? defaultText : readable;
  return `# ${meaning}${fallback === undefined ? "" : ` Default: ${fallback}.`}\n#${variable}=${value ?? ""}\n`;
}

/** The text of .env.example. */
export function envExample(): string {
  const sections = [...configEntries()].map(
    ([section, entries]) => `# ---- ${section} ----\n\n${entries.map(lines).join("\n")}`,
  );
  return [INTRO, ...sections].join("\n");
}
