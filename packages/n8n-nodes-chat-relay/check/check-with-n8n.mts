// `npm run check:n8n`: builds, lints and scans the package with n8n's own tools, against n8n's real types, and sees that what
// `npm pack` ships is what they built. They weigh 750 MB, so they are installed once into a cache folder and are no dependency
// of this repository.
import { deepStrictEqual } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, relative } from "node:path";
import { pathToFileURL } from "node:url";

const HERE = import.meta.dirname;
const PACKAGE = join(HERE, "..");
const MANIFESTS = ["package.json", "package-lock.json"];
const SOURCES = ["credentials", "icons", "nodes", "src"];
const QUIET = ["--no-audit", "--no-fund", "--loglevel=error"];

// The lint asks who publishes the package, which its package.json leaves to them.
const PUBLISHER = {
  author: { name: "whoever publishes it", email: "publisher@chat-relay.example" },
  homepage: "https://chat-relay.example",
};

interface Scan {
  passed: boolean;
  message?: string;
  details?: string;
}

interface Scanner {
  SOURCE_FILE_PATTERNS: string[];
  analyzePackage(folder: string, patterns?: string[]): Promise<Scan>;
}

function run(command: string, args: string[], cwd: string): void {
  process.stdout.write(`\n== ${[command.split("/").at(-1), ...args].join(" ")}\n`);
  const env = { ...process.env, CI: "true" }; // no spinners
  const { status, error } = spawnSync(command, args, { cwd, env, stdio: "inherit" });
  if (status !== 0) throw new Error(`${command} failed`, { cause: error });
}

function toolsFolder(): string {
  const base = process.env["XDG_CACHE_HOME"];
  const cache = base !== undefined && isAbsolute(base) ? base : join(homedir(), ".cache");
  const lock = readFileSync(join(HERE, "package-lock.json"));
  return join(cache, "chat-relay", `n8n-node-tools-${createHash("sha256").update(lock).digest("hex").slice(0, 12)}`);
}

function installTools(): string {
  const folder = toolsFolder();
  const done = join(folder, ".done");
  if (existsSync(done)) return folder;
  process.stdout.write(`n8n's tools (750 MB) go into ${folder}, once; about 3 minutes\n`);
  mkdirSync(folder, { recursive: true });
  for (const name of MANIFESTS) cpSync(join(HERE, name), join(folder, name));
  run("npm", ["ci", "--ignore-scripts", ...QUIET], folder);
  writeFileSync(done, "");
  return folder;
}

function isShipped(path: string): boolean {
  return !path.endsWith(".test.ts");
}

function manifest(): Record<string, string> {
  return JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8")) as Record<string, string>;
}

function writeManifest(folder: string): void {
  writeFileSync(join(folder, "package.json"), JSON.stringify({ ...manifest(), ...PUBLISHER }, null, 2));
}

/** The package as n8n's tools want to find it: on its own, with their configuration, n8n-workflow beside it. */
function copyPackage(tools: string): string {
  const folder = mkdtempSync(join(tools, "package-"));
  for (const name of SOURCES) cpSync(join(PACKAGE, name), join(folder, name), { recursive: true, filter: isShipped });
  writeManifest(folder);
  const modules = join(tools, "node_modules");
  symlinkSync(modules, join(folder, "node_modules"));
  const templates = join(modules, "@n8n/node-cli/dist/template/templates/shared/default");
  cpSync(join(templates, "eslint.config.mjs"), join(folder, "eslint.config.mjs"));
  cpSync(join(PACKAGE, "../../tsconfig.base.json"), join(folder, "tsconfig.base.json"));
  const settings = readFileSync(join(PACKAGE, "tsconfig.build.json"), "utf8").replace("../../", "./");
  writeFileSync(join(folder, "tsconfig.json"), settings);
  return folder;
}

/** What `npm pack` ships, unpacked; it builds first. */
function unpack(folder: string): string {
  run("npm", ["pack", "--silent", `--pack-destination=${folder}`], PACKAGE);
  const { name, version } = manifest();
  run("tar", ["-xzf", `${name}-${version}.tgz`], folder);
  return join(folder, "package");
}

function filesOf(folder: string): Record<string, string> {
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
  return Object.fromEntries(paths.map((path) => [relative(folder, path), readFileSync(path, "base64")]));
}

function compareBuilds(built: string, shipped: string): void {
  const message = "What npm pack ships is not what n8n-node build makes";
  const [ours, theirs] = [filesOf(join(shipped, "dist")), filesOf(join(built, "dist"))];
  deepStrictEqual(Object.keys(ours), Object.keys(theirs), message);
  for (const [path, bytes] of Object.entries(theirs)) deepStrictEqual(ours[path], bytes, `${message}: ${path}`);
  process.stdout.write(`\nwhat npm pack ships is what n8n-node build makes: ${Object.keys(ours).length} files\n`);
}

/** Of the README, which people read on npm and from the packed file. */
function checkLinks(shipped: string): void {
  const links = readFileSync(join(shipped, "README.md"), "utf8").matchAll(/\]\((?!https?:|#)([^)]+)\)/g);
  const broken = [...links].map(([, path = ""]) => path).filter((path) => !existsSync(join(shipped, path)));
  if (broken.length > 0) throw new Error(`README.md links to what is not in the packed file: ${broken.join(", ")}`);
}

async function scan(tools: string, folder: string, shipped: string): Promise<void> {
  const entry = join(tools, "node_modules/@n8n/scan-community-package/scanner/scanner.mjs");
  const scanner = (await import(pathToFileURL(entry).href)) as Scanner;
  // The scan proper asks the registry for the provenance first, then looks at these two.
  const looks = {
    source: () => scanner.analyzePackage(folder, scanner.SOURCE_FILE_PATTERNS),
    "packed file": () => scanner.analyzePackage(shipped),
  };
  for (const [what, look] of Object.entries(looks)) {
    const { passed, message, details } = await look();
    if (!passed) throw new Error(`The scan of the ${what} failed: ${message}\n${details ?? ""}`);
    process.stdout.write(`scan of the ${what}: passed\n`);
  }
}

const tools = installTools();
const folder = copyPackage(tools);
try {
  const cli = join(tools, "node_modules/.bin/n8n-node");
  run(cli, ["build"], folder);
  run(cli, ["lint"], folder);
  const shipped = unpack(folder);
  compareBuilds(folder, shipped);
  checkLinks(shipped);
  writeManifest(shipped);
  await scan(tools, folder, shipped);
} finally {
  rmSync(folder, { recursive: true });
}
