import { machineName } from "../cost/machine.ts";

/** How figures came about. */
export function runNote(command: string, versions: string[]): string {
  const date = new Date().toISOString().slice(0, 10);
  return `Measured by \`${command}\` on ${date}, ${machineName()}.\n${versions.join(", ")}.`;
}
