// Preloaded into a service (`node --import`): changes its sources as they are loaded. `FAULT_EDITS` holds the edits as
// JSON, `FAULT_DIR` the folder in which kill points are armed.
import { unlinkSync, writeSync } from "node:fs";
import { registerHooks } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Edit } from "./edits.ts";
import { killFile } from "./kill-file.ts";

const ROOT = resolve(import.meta.dirname, "../../../..");
const edits = JSON.parse(process.env["FAULT_EDITS"] ?? "[]") as Edit[];
const folder = process.env["FAULT_DIR"] ?? "";

function apply(source: string, edit: Edit): string {
  const parts = source.split(edit.from);
  if (parts.length !== 2)
    throw new Error(`${edit.file} holds ${parts.length - 1} times what is to be changed: ${edit.from}`);
  return parts.join(edit.to);
}

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const mine = edits.filter((edit) => url === pathToFileURL(join(ROOT, edit.file)).href);
    if (mine.length === 0 || loaded.source === undefined || loaded.source === null) return loaded;
    const source =
      typeof loaded.source === "string" ? loaded.source : Buffer.from(loaded.source as Uint8Array).toString("utf8");
    return { ...loaded, source: mine.reduce(apply, source) };
  },
});

/** Each armed file is one death, or one pause; removing it decides whose. */
function fateAt(signal: "SIGKILL" | "SIGSTOP", word: string) {
  return (point: string): void => {
    try {
      unlinkSync(join(folder, killFile(point)));
    } catch {
      return; // not armed
    }
    writeSync(2, `fault: ${word} at "${point}"\n`);
    process.kill(process.pid, signal);
  };
}

Object.assign(globalThis, { dieAt: fateAt("SIGKILL", "killed"), holdStillAt: fateAt("SIGSTOP", "held still") });
