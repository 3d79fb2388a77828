import { prettyFactory } from "pino-pretty";

/** Prints what all processes say, one line each, with the name of the process in front. */
export interface MergedLog {
  /** A line of the launcher itself. */
  say: (line: string) => void;
  /** A line that a process printed: pino's JSON becomes readable, anything else passes as it is. */
  from: (name: string, line: string) => void;
}

interface MergedLogOptions {
  write: (text: string) => void;
  colour: boolean;
}

const NAME_WIDTH = 10;
const LAUNCHER = "chat-relay";
const COLOURS = [36, 35, 33, 32, 34, 96, 95];

export function createMergedLog({ write, colour }: MergedLogOptions): MergedLog {
  const pretty = prettyFactory({
    colorize: colour,
    translateTime: "SYS:HH:MM:ss.l",
    ignore: "pid,hostname,service,name",
    singleLine: true,
  });
  const paint = painter(colour);
  const from = (name: string, line: string): void => {
    const prefix = paint(name, name.padEnd(NAME_WIDTH));
    const text = isJsonObject(line) ? pretty(line) : line;
    for (const part of text.split("\n")) if (part.trim() !== "") write(`${prefix} | ${withoutControls(part)}\n`);
  };
  return { from, say: (line) => from(LAUNCHER, line) };
}

// Told apart by order of appearance.
function painter(colour: boolean): (name: string, text: string) => string {
  const known = new Map<string, number>();
  return (name, text) => {
    if (!colour) return text;
    if (!known.has(name)) known.set(name, COLOURS[known.size % COLOURS.length] ?? 37);
    return `\u001b[${known.get(name) ?? 37}m${text}\u001b[39m`;
  };
}

function isJsonObject(line: string): boolean {
  return line.startsWith("{") && line.endsWith("}");
}

// Whatever a line carries, it can colour text at most, never move the cursor or answer for the terminal.
function withoutControls(text: string): string {
  return text.replace(
    /(\u001b\[[\d;]*m)|[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g,
    (_match, colourCode: string | undefined) => colourCode ?? "",
  );
}
