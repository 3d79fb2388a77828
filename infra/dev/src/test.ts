// `npm test`: vitest over all packages, with the arguments that were given, once the widget is made.
import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { REPO_ROOT } from "./repo-root.ts";

const built = spawnSync(process.execPath, [join(REPO_ROOT, "packages/widget/src/build.ts")], { encoding: "utf8" });
if (built.status !== 0) throw new Error(`the widget cannot be built: ${built.stderr}`);
const vitest = join(REPO_ROOT, "node_modules/vitest/vitest.mjs");
const child = spawn(process.execPath, [vitest, "run", ...process.argv.slice(2)], { cwd: REPO_ROOT, stdio: "inherit" });
// The run ends in order and so do we: by its exit, not by the signal that reached us first.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => child.kill(signal));
child.once("exit", (code, signal) => process.exit(code ?? (signal === null ? 1 : 130)));
