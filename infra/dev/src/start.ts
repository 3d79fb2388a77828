// `npm start`: everything from one command.
import { launch } from "./launch.ts";
import { createMergedLog } from "./merged-log.ts";
import { REPO_ROOT } from "./repo-root.ts";

const { stdout, env } = process;
stdout.on("error", () => undefined); // nobody reads any more: that is no reason to die without stopping the rest
const colour = stdout.isTTY && (env["NO_COLOR"] ?? "") === "";
const log = createMergedLog({ write: (text) => stdout.write(text), colour });
const exit = (code: number): never => process.exit(code);

exit(await launch({ root: REPO_ROOT, env, mode: "run", log, exit }));
