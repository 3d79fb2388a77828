import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cacheNats, findCachedNats } from "./nats-cache.ts";
import { downloadNatsRelease } from "./nats-release.ts";
import { compareVersions, isNewEnough, NATS_RELEASE } from "./nats-version.ts";
import { acquireProcessLock } from "./process-lock.ts";
import { resolveNatsServer } from "./resolve-nats-server.ts";

let dir: string;
let cacheDir: string;
const lines: string[] = [];
const log = (line: string): number => lines.push(line);

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "chat-relay-resolve-"));
  cacheDir = join(dir, "cache");
  mkdirSync(cacheDir);
  lines.length = 0;
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** A program that only knows its version: enough to be looked for, found and refused. */
function program(folder: string, version: string): string {
  const path = join(dir, folder, "nats-server");
  mkdirSync(join(dir, folder), { recursive: true });
  writeFileSync(path, `#!/bin/sh\necho "nats-server: v${version}"\n`);
  chmodSync(path, 0o755);
  return path;
}

/** The files of a release, served on loopback. */
async function serveRelease(sha256?: string): Promise<AsyncDisposable & { url: string; requests: string[] }> {
  const arch = process.arch === "x64" ? "amd64" : process.arch;
  const folder = `nats-server-v${NATS_RELEASE}-${process.platform}-${arch}`;
  program(folder, NATS_RELEASE);
  spawnSync("tar", ["-czf", join(dir, "archive.tar.gz"), "-C", dir, folder]);
  const archive = readFileSync(join(dir, "archive.tar.gz"));
  const sums = `${sha256 ?? createHash("sha256").update(archive).digest("hex")}  ${folder}.tar.gz\n`;
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(request.url ?? "");
    response.end(request.url === "/SHA256SUMS" ? sums : archive);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = async (): Promise<void> => await new Promise((resolve) => server.close(() => resolve()));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests, [Symbol.asyncDispose]: close };
}

describe("resolveNatsServer", () => {
  test("takes the named program and no other", async () => {
    const binary = program("named", "2.12.3");
    expect(await resolveNatsServer({ cacheDir, log, binary })).toEqual({
      path: binary,
      version: "2.12.3",
      source: "NATS_SERVER_BIN",
    });
    await expect(resolveNatsServer({ cacheDir, log, binary: program("old", "2.11.9") })).rejects.toThrow(
      /2\.11\.9, at least 2\.12\.0/,
    );
    await expect(resolveNatsServer({ cacheDir, log, binary: join(dir, "missing") })).rejects.toThrow(
      /no nats-server that runs here/,
    );
  });

  test("takes the first on PATH that is new enough", async () => {
    program("old", "2.10.1");
    const path = program("new", "2.14.0");
    const resolved = await resolveNatsServer({ cacheDir, log, searchPath: `${join(dir, "old")}:${join(dir, "new")}` });
    expect(resolved).toEqual({ path, version: "2.14.0", source: "PATH" });
  });

  test("downloads the official release once, checked against its checksums, and then uses the cache", async () => {
    await using release = await serveRelease();
    const first = await resolveNatsServer({ cacheDir, log, releaseUrl: release.url });
    expect(first).toMatchObject({ version: NATS_RELEASE, source: "release" });
    expect(await resolveNatsServer({ cacheDir, log, releaseUrl: release.url })).toEqual({ ...first, source: "cache" });
    expect(release.requests).toHaveLength(2);
    expect(readdirSync(cacheDir)).toHaveLength(1);
  });

  test("fetches once when two start at the same time", async () => {
    await using release = await serveRelease();
    const options = { cacheDir, log, releaseUrl: release.url };
    const both = await Promise.all([resolveNatsServer(options), resolveNatsServer(options)]);
    expect(both.map(({ source }) => source).toSorted()).toEqual(["cache", "release"]);
    expect(release.requests).toHaveLength(2);
  });

  test("waits for another process that is fetching", async () => {
    const lock = acquireProcessLock(join(cacheDir, "fetch.lock"));
    await using release = await serveRelease();
    const waiting = resolveNatsServer({
      cacheDir,
      releaseUrl: release.url,
      log: (line) => {
        lines.push(line);
        if (line.includes("waiting")) lock.release();
      },
    });
    expect(await waiting).toMatchObject({ source: "release" });
    expect(lines[0]).toContain(`process ${process.pid} is fetching it`);
  });
});

describe("downloadNatsRelease", () => {
  test("refuses an archive with another checksum", async () => {
    await using release = await serveRelease("0".repeat(64));
    await expect(downloadNatsRelease({ workDir: cacheDir, log, baseUrl: release.url })).rejects.toThrow(
      /SHA256SUMS says 0{64}/,
    );
  });

  test("fails at once where the network is closed", async () => {
    const release = await serveRelease();
    await release[Symbol.asyncDispose]();
    await expect(downloadNatsRelease({ workDir: cacheDir, log, baseUrl: release.url })).rejects.toThrow(
      /cannot be reached/,
    );
  });
});

describe("the cache", () => {
  test("finds the newest usable server", async () => {
    expect(await findCachedNats(cacheDir)).toBeUndefined();
    for (const version of ["2.12.9", "2.12.10", "2.11.0"]) cacheNats(cacheDir, program(version, version), version);
    writeFileSync(join(cacheDir, `nats-server-${process.platform}-${process.arch}-9.9.9`), "not a program");
    expect((await findCachedNats(cacheDir))?.version).toBe("2.12.10");
  });
});

test("versions are compared by number", () => {
  expect(compareVersions("2.9.0", "2.12.0")).toBeLessThan(0);
  expect(compareVersions("2.12.0", "2.12.0")).toBe(0);
  expect([isNewEnough("2.11.99"), isNewEnough("2.12.0"), isNewEnough("3.0.0")]).toEqual([false, true, true]);
});
