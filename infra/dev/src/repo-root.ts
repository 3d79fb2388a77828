import { resolve } from "node:path";

/** The folder that holds the whole repository. */
export const REPO_ROOT = resolve(import.meta.dirname, "../../..");
