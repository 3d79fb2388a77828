import { execFileSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import type { Change } from "./faults/fault.ts";

const OURS = "@chat-relay";

/** A copy of the working tree to plant faults in, with the dependencies of the original. */
export interface PlantedCopy extends AsyncDisposable {
  folder: string;
  /** Makes the changes; what it returns takes them back. */
  plant(changes: Change[]): Promise<() => Promise<void>>;
}

function workingTree(root: string): string[] {
  const list = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
  const deleted = new Set(
    execFileSync("git", ["ls-files", "--deleted", "-z"], { cwd: root, encoding: "utf8" }).split("\0"),
  );
  const files = execFileSync("git", list, { cwd: root, encoding: "utf8", maxBuffer: 64 * 1_024 * 1_024 }).split("\0");
  return [...new Set(files)].filter((file) => file !== "" && !deleted.has(file));
}

/** Links every dependency, but our own packages to the copy's: a fault in core must be seen by its importers. */
async function linkDependencies(root: string, folder: string): Promise<void> {
  const [from, to] = [join(root, "node_modules"), join(folder, "node_modules")];
  await mkdir(join(to, OURS), { recursive: true });
  for (const name of await readdir(from)) {
    if (name !== OURS && name !== ".cache") await symlink(join(from, name), join(to, name));
  }
  for (const name of await readdir(join(from, OURS))) {
    const workspace = relative(await realpath(root), await realpath(join(from, OURS, name)));
    await symlink(join(folder, workspace), join(to, OURS, name));
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  return await readFile(path, "utf8").catch(() => undefined);
}

function changed(change: Change, present: string | undefined): string {
  if ("text" in change) return change.text;
  if (present === undefined) throw new Error(`${change.file} is not there`);
  if ("append" in change) return `${present}${change.append}`;
  if (!present.includes(change.from)) throw new Error(`${change.file} does not hold ${change.from}`);
  return present.replace(change.from, () => change.to);
}

async function apply(folder: string, change: Change): Promise<() => Promise<void>> {
  const path = join(folder, change.file);
  const present = await readIfThere(path);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, changed(change, present));
  return async () => await (present === undefined ? rm(path) : writeFile(path, present));
}

/** Copies what git knows or would add, without the rest. */
export async function copyWorkingTree(root: string): Promise<PlantedCopy> {
  const folder = await mkdtemp(join(await realpath(tmpdir()), "chat-relay-gates-"));
  for (const file of workingTree(root)) await cp(join(root, file), join(folder, file), { recursive: true });
  await linkDependencies(root, folder);
  execFileSync("git", ["init", "--quiet"], { cwd: folder }); // turbo tells what changed by git
  return {
    folder,
    async plant(changes) {
      const undo: (() => Promise<void>)[] = [];
      for (const change of changes) undo.unshift(await apply(folder, change));
      return async () => {
        for (const step of undo) await step();
      };
    },
    [Symbol.asyncDispose]: async () => await rm(folder, { recursive: true, force: true }),
  };
}
