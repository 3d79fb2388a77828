import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { listenError } from "./free-port.ts";
import { defaultCacheDir } from "./nats-cache.ts";
import { readNatsInfo } from "./nats-info.ts";
import { startNatsServer } from "./nats-server.ts";
import type { NatsServerOptions } from "./nats-server.ts";
import { identifyProcess } from "./process-identity.ts";
import { resolveNatsServer } from "./resolve-nats-server.ts";

let dir: string;
let binary: string;
const lines: string[] = [];

beforeAll(async () => {
  const cacheDir = defaultCacheDir({}, join(tmpdir(), "chat-relay-cache"));
  binary = (await resolveNatsServer({ cacheDir, log: () => undefined })).path;
}, 300_000);
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "chat-relay-nats-"));
  lines.length = 0;
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function options(more: Partial<NatsServerOptions> = {}): NatsServerOptions {
  return { binary, storeDir: join(dir, "nats"), port: 0, log: (line) => lines.push(line), ...more };
}

/** A process of its own that starts a server and is then killed, so that the server is left behind. */
async function startAndAbandon(): Promise<number> {
  const script = `import { startNatsServer } from ${JSON.stringify(new URL("./nats-server.ts", import.meta.url).href)};
    const server = await startNatsServer({ binary: ${JSON.stringify(binary)}, storeDir: ${JSON.stringify(join(dir, "nats"))}, port: 0, log: () => undefined });
    console.log(server.pid);`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await Promise.race([
    once(createInterface({ input: child.stdout }), "line"),
    once(child, "exit"),
  ])) as [string];
  child.kill("SIGKILL");
  await once(child, "exit");
  return Number(line);
}

describe("startNatsServer", () => {
  test("serves JetStream on 127.0.0.1 until it is stopped, and leaves no lock behind", async () => {
    const server = await startNatsServer(options());
    expect(await readNatsInfo(server.port)).toMatchObject({ jetstream: true });
    expect(server.url).toBe(`nats://127.0.0.1:${server.port}`);
    await server.stop();
    expect(await server.exited).toEqual({ code: 0, signal: null });
    expect(await readNatsInfo(server.port)).toBeUndefined();
    expect(existsSync(join(dir, "nats", "owner.lock"))).toBe(false);
    expect(existsSync(join(dir, "nats", "server.json"))).toBe(false);
  });

  test("never runs two servers on one store", async () => {
    await using _server = await startNatsServer(options());
    await expect(startNatsServer(options())).rejects.toThrow(`in use by process ${process.pid}`);
  });

  test("starts again on the same port after a SIGKILL, also when the store vanished", async () => {
    const first = await startNatsServer(options());
    first.kill("SIGKILL");
    expect(await first.exited).toEqual({ code: null, signal: "SIGKILL" });
    rmSync(join(dir, "nats"), { recursive: true });
    await using second = await startNatsServer(options({ port: first.port }));
    expect(await readNatsInfo(second.port)).toMatchObject({ jetstream: true });
  });

  test("stops the server that a killed launcher left behind", async () => {
    const orphan = await startAndAbandon();
    expect(identifyProcess(orphan)).toBeDefined();
    await using server = await startNatsServer(options());
    expect(identifyProcess(orphan)).toBeUndefined();
    expect(lines).toContainEqual(expect.stringContaining(`stopping process ${orphan}`));
    expect(await readNatsInfo(server.port)).toBeDefined();
  });

  test("leaves alone a process that got the pid of a dead server", async () => {
    const bystander = spawn(process.execPath, ["--eval", "setInterval(() => undefined, 1000)"], { stdio: "ignore" });
    const exited = once(bystander, "exit");
    try {
      await (await startNatsServer(options())).stop();
      writeFileSync(join(dir, "nats", "server.json"), JSON.stringify({ pid: bystander.pid, startedAt: "another:1" }));
      await using _server = await startNatsServer(options());
      expect(identifyProcess(bystander.pid ?? 0)).toBeDefined();
    } finally {
      bystander.kill("SIGKILL");
      await exited;
    }
  });

  test("says why it cannot start: a taken port, a bad configuration", async () => {
    await using server = await startNatsServer(options());
    const samePort = options({ storeDir: join(dir, "other"), port: server.port });
    await expect(startNatsServer(samePort)).rejects.toThrow(/address already in use/);
    await expect(
      startNatsServer(options({ storeDir: join(dir, "bad"), extraConfig: "max_payload: nonsense" })),
    ).rejects.toThrow(/nats-server.conf:5:1/);
    expect(existsSync(join(dir, "bad", "owner.lock"))).toBe(false);
  });

  test("takes further configuration", async () => {
    await using server = await startNatsServer(options({ extraConfig: "max_payload: 2097152" }));
    expect(await readNatsInfo(server.port)).toMatchObject({ max_payload: 2_097_152 });
    expect(await listenError(server.port)).toBe("EADDRINUSE");
  });
});
