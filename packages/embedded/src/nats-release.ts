import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { NATS_RELEASE } from "./nats-version.ts";
import { runCommand } from "./run-command.ts";
import type { LineLog } from "./server-process.ts";

export interface ReleaseOptions {
  /** An empty directory to work in. */
  workDir: string;
  log: LineLog;
  /** Where the files of the release are; tests have their own. */
  baseUrl?: string;
  signal?: AbortSignal;
}

const BASE_URL = `https://github.com/nats-io/nats-server/releases/download/v${NATS_RELEASE}`;
// A closed network is noticed with the first, small file; the archive itself may come over a slow line.
const CHECKSUMS_TIMEOUT_MS = 5_000;
const ARCHIVE_TIMEOUT_MS = 180_000;
const ARCHITECTURES: Partial<Record<NodeJS.Architecture, string>> = {
  x64: "amd64",
  arm64: "arm64",
  arm: "arm7",
  ia32: "386",
};

/** Downloads the official release, checks it against the release's SHA256SUMS, and returns the unpacked program. */
export async function downloadNatsRelease({
  workDir,
  log,
  baseUrl = BASE_URL,
  signal,
}: ReleaseOptions): Promise<string> {
  const sums = await (await get(`${baseUrl}/SHA256SUMS`, CHECKSUMS_TIMEOUT_MS, signal)).text();
  const { archive, sha256 } = chooseArchive(sums);
  log(`nats-server: downloading the official release ${NATS_RELEASE} (${archive})`);
  const file = join(workDir, archive);
  await download(`${baseUrl}/${archive}`, file, signal);
  const actual = await sha256Of(file);
  if (actual !== sha256) throw new Error(`${archive} has the SHA-256 ${actual}, but SHA256SUMS says ${sha256}`);
  return await unpack(file, workDir, archive);
}

function chooseArchive(sums: string): { archive: string; sha256: string } {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const name = `nats-server-v${NATS_RELEASE}-${platform}-${ARCHITECTURES[process.arch] ?? process.arch}`;
  const listed = new Map(
    sums
      .split("\n")
      .map((line) => line.trim().split(/\s+\*?/))
      .map(([sum = "", file = ""]) => [file, sum]),
  );
  for (const archive of [`${name}.tar.gz`, `${name}.zip`]) {
    const sha256 = listed.get(archive);
    if (sha256 !== undefined) return { archive, sha256 };
  }
  throw new Error(`the release has no ${name}`);
}

async function get(url: string, timeoutMs: number, stop: AbortSignal | undefined): Promise<Response> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = stop === undefined ? timeout : AbortSignal.any([timeout, stop]);
  const response = await fetch(url, { signal }).catch((error: unknown) => {
    throw new Error(`${new URL(url).host} cannot be reached: ${reasonOf(error)}`, { cause: error });
  });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return response;
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? cause.message : message;
}

async function download(url: string, file: string, signal: AbortSignal | undefined): Promise<void> {
  const { body } = await get(url, ARCHIVE_TIMEOUT_MS, signal);
  if (body === null) throw new Error(`${url} answered without a body`);
  await pipeline(Readable.fromWeb(body), createWriteStream(file));
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}

async function unpack(file: string, workDir: string, archive: string): Promise<string> {
  const { ok, stderr } = await runCommand("tar", ["-xf", file, "-C", workDir]);
  if (!ok) throw new Error(`${archive} cannot be unpacked: ${stderr.trim()}`);
  const folder = archive.replace(/\.(tar\.gz|zip)$/, "");
  return join(workDir, folder, process.platform === "win32" ? "nats-server.exe" : "nats-server");
}
