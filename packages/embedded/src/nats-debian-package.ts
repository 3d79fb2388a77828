import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isNewEnough } from "./nats-version.ts";
import { runCommand } from "./run-command.ts";
import type { CommandResult } from "./run-command.ts";
import type { LineLog } from "./server-process.ts";

export interface DebianPackageOptions {
  /** An empty directory to work in. */
  workDir: string;
  log: LineLog;
  signal?: AbortSignal;
}

const PACKAGE = "nats-server";
// The newest release that is being stabilised first: its C library is nearest to the machine's own.
const SUITES = ["forky", "sid", "trixie"] as const;
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
const APT_TIMEOUT_MS = 180_000;

/**
 * Fetches Debian's own package of a newer suite, from the archive this machine's apt already uses, and returns the
 * unpacked program. apt verifies it. Everything happens in private directories: nothing is installed, no root needed.
 */
export async function fetchDebianNats({ workDir, log, signal }: DebianPackageOptions): Promise<string> {
  const archive = await debianArchive();
  const refusals: string[] = [];
  for (const suite of SUITES) {
    signal?.throwIfAborted();
    log(`nats-server: asking Debian's ${suite}, through this machine's apt`);
    const result = await fetchFromSuite(join(workDir, suite), archive, suite, signal);
    if ("program" in result) return result.program;
    refusals.push(`${suite}: ${result.refusal}`);
  }
  throw new Error(refusals.join("; "));
}

/** The address of the main archive in the machine's own apt configuration. */
async function debianArchive(): Promise<string> {
  const format = "$(REPO_URI) $(RELEASE) $(COMPONENT)";
  const { ok, stdout } = await runCommand("apt-get", ["indextargets", "--format", format, "Created-By: Packages"], {
    timeoutMs: 15_000,
  });
  if (!ok) throw new Error("this machine has no apt");
  const targets = stdout.split("\n").map((line) => line.split(" "));
  // Releases with a dash are additions (bookworm-updates, bookworm-security), some in archives of their own.
  const main = targets.find(
    ([uri = "", release = "", component]) =>
      component === "main" && !release.includes("-") && /^(https?|file|mirror)/.test(uri),
  );
  if (main?.[0] === undefined) throw new Error("apt on this machine knows no Debian archive");
  return main[0];
}

type SuiteResult = { program: string } | { refusal: string };

async function fetchFromSuite(
  dir: string,
  archive: string,
  suite: string,
  signal: AbortSignal | undefined,
): Promise<SuiteResult> {
  const config = writeAptConfig(dir, archive, suite);
  const apt = async (tool: "apt-get" | "apt-cache", args: string[]): Promise<CommandResult> =>
    await runCommand(tool, ["-c", config, ...args], {
      cwd: dir,
      timeoutMs: APT_TIMEOUT_MS,
      ...(signal === undefined ? {} : { signal }),
    });
  const update = await apt("apt-get", ["-qq", "-o", "APT::Update::Error-Mode=any", "update"]);
  if (!update.ok) return { refusal: firstLine(update) };
  const shown = await apt("apt-cache", ["show", "--no-all-versions", PACKAGE]);
  const version = /^Version: *(?:\d+:)?(\d+\.\d+\.\d+)/m.exec(shown.stdout)?.[1];
  if (version === undefined) return { refusal: `no package ${PACKAGE}` };
  if (!isNewEnough(version)) return { refusal: `${PACKAGE} ${version} is too old` };
  const download = await apt("apt-get", ["-qq", "download", PACKAGE]);
  if (!download.ok) return { refusal: firstLine(download) };
  return await unpack(dir);
}

async function unpack(dir: string): Promise<SuiteResult> {
  const file = readdirSync(dir).find((name) => name.endsWith(".deb"));
  if (file === undefined) return { refusal: "apt downloaded nothing" };
  const { ok, stderr } = await runCommand("dpkg-deb", ["-x", join(dir, file), join(dir, "root")]);
  if (!ok) return { refusal: stderr.trim() };
  const program = ["usr/sbin", "usr/bin"]
    .map((bin) => join(dir, "root", bin, "nats-server"))
    .find((path) => existsSync(path));
  if (program === undefined) return { refusal: `${file} holds no nats-server` };
  // A program that was linked against a newer C library does not run here: another suite's may.
  const run = await runCommand(program, ["--version"], { timeoutMs: 10_000 });
  return run.ok ? { program } : { refusal: `does not run here: ${firstLine(run)}` };
}

// Read after the machine's own settings (proxies and credentials stay), these move all state to private directories.
function writeAptConfig(dir: string, archive: string, suite: string): string {
  for (const sub of ["state/lists/partial", "cache/archives/partial", "log", "root"])
    mkdirSync(join(dir, sub), { recursive: true });
  const signedBy = existsSync(KEYRING) ? `[signed-by=${KEYRING}] ` : "";
  writeFileSync(join(dir, "sources.list"), `deb ${signedBy}${archive} ${suite} main\n`);
  writeFileSync(join(dir, "status"), "");
  const config = join(dir, "apt.conf");
  writeFileSync(config, aptSettings(dir));
  return config;
}

function aptSettings(dir: string): string {
  const settings = {
    "Dir::Etc::sourcelist": join(dir, "sources.list"),
    "Dir::Etc::sourceparts": "/dev/null",
    "Dir::Etc::preferences": "/dev/null",
    "Dir::Etc::preferencesparts": "/dev/null",
    "Dir::State": join(dir, "state"),
    "Dir::State::status": join(dir, "status"),
    "Dir::Cache": join(dir, "cache"),
    "Dir::Log": join(dir, "log"),
    "Acquire::Languages": "none",
    "Acquire::Retries": "1",
    "Acquire::http::Timeout": "15",
    "Acquire::https::Timeout": "15",
    // As root apt would switch to an account that may not write here.
    "APT::Sandbox::User": "",
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} ${JSON.stringify(value)};`);
  // The machine's hooks are about its own package lists.
  const hooks = ["APT::Update::Pre-Invoke", "APT::Update::Post-Invoke", "APT::Update::Post-Invoke-Success"];
  return [...lines, ...hooks.map((hook) => `#clear ${hook};`), ""].join("\n");
}

function firstLine({ stderr, stdout }: CommandResult): string {
  return (stderr || stdout).trim().split("\n")[0] ?? "";
}
