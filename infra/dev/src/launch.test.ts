import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "@chat-relay/embedded/free-port";
import { identifyProcess } from "@chat-relay/embedded/process-identity";
import { waitUntil } from "@chat-relay/embedded/wait-until";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { REPO_ROOT } from "./repo-root.ts";

/** Stands in for an app: what the launcher sees of one, and a way to make it misbehave. */
const FAKE_APP = `
import { createServer } from "node:http";
const name = import.meta.filename.split("/").at(-3);
const answer = (request, response) => {
  if (request.url === "/bad-config") process.exit(78);
  response.end(JSON.stringify({ pid: process.pid, secret: process.env.CHAT_WEBHOOK_SECRET, database: process.env.DATABASE_URL }));
};
const server = createServer(answer).listen(Number(process.env["CHAT_" + name.toUpperCase() + "_PORT"]), "127.0.0.1");
console.log(JSON.stringify({ level: "info", time: new Date().toISOString(), msg: name + ".listening" }));
process.on("SIGTERM", () => {
  if (process.env.STUBBORN === name) return;
  console.log(name + " stops");
  server.close(() => process.exit(0));
  server.closeAllConnections();
});
`;

let root: string;
let env: Record<string, string>;
let running: ChildProcess[];
let lines: string[];

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "chat-relay-launch-"));
  [running, lines] = [[], []];
  for (const app of ["gateway", "receiver", "dispatcher"]) addApp(app, FAKE_APP);
  addApp("migrate", 'console.log("migrating");');
  addScript("packages/widget/src/build.ts", 'console.log("building");');
  writeFileSync(join(root, "package.json"), '{ "type": "module" }');
  symlinkSync(join(REPO_ROOT, "infra"), join(root, "infra"));
  const [gateway, receiver, dispatcher, bot] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  env = {
    CHAT_GATEWAY_PORT: String(gateway),
    CHAT_RECEIVER_PORT: String(receiver),
    CHAT_DISPATCHER_PORT: String(dispatcher),
    CHAT_SAMPLE_BOT_PORT: String(bot),
    // Given, so that nothing is embedded; the fake apps do not connect.
    DATABASE_URL: "postgresql://127.0.0.1:1/none",
    NATS_URL: "nats://127.0.0.1:1",
  };
});

afterEach(async () => {
  for (const child of running) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    await exited;
  }
  rmSync(root, { recursive: true, force: true });
});

function addApp(name: string, source: string): void {
  addScript(`apps/${name}/src/main.ts`, source);
}

function addScript(path: string, source: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), source);
}

/** Starts the launcher on the fake checkout, in a process of its own. */
function startLauncher(more: Record<string, string> = {}): { child: ChildProcess; exited: Promise<number | null> } {
  const url = (file: string): string => JSON.stringify(new URL(file, import.meta.url).href);
  const script = `import { launch } from ${url("./launch.ts")};
    import { createMergedLog } from ${url("./merged-log.ts")};
    const log = createMergedLog({ write: (text) => process.stdout.write(text), colour: false });
    const exit = (code) => process.exit(code);
    exit(await launch({ root: ${JSON.stringify(root)}, env: process.env, mode: "run", log, exit }));`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    env: { PATH: "/usr/bin:/bin", HOME: homedir(), ...env, ...more },
    stdio: ["ignore", "pipe", "inherit"],
  });
  running.push(child);
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
  return { child, exited: once(child, "close").then(([code]) => code as number | null) };
}

async function untilLine(text: string, from = 0): Promise<void> {
  const found = await waitUntil(() => lines.slice(from).some((line) => line.includes(text)), { timeoutMs: 30_000 });
  if (!found) throw new Error(`no line with ${text} in:\n${lines.join("\n")}`);
}

async function ask(
  app: "GATEWAY" | "RECEIVER" | "DISPATCHER",
  path = "/readyz",
): Promise<{ pid: number; secret: string; database: string }> {
  const response = await fetch(`http://127.0.0.1:${env[`CHAT_${app}_PORT`]}${path}`);
  return (await response.json()) as { pid: number; secret: string; database: string };
}

const appPids = async (): Promise<number[]> =>
  (await Promise.all([ask("GATEWAY"), ask("RECEIVER"), ask("DISPATCHER")])).map(({ pid }) => pid);

describe("the launcher", () => {
  test("starts everything in order, says ready once, and stops without a trace", async () => {
    const { child, exited } = startLauncher();
    await untilLine("| ready ");
    const said = lines.filter((line) => line.startsWith("chat-relay |")).map((line) => line.split(/ +/)[2]);
    expect(said).toEqual([
      "PostgreSQL",
      "NATS",
      "Migrations",
      "Widget",
      "Sample",
      "Dispatcher",
      "Receiver",
      "Gateway",
      "ready",
    ]);
    expect(lines.filter((line) => /\bready\b/.test(line))).toEqual([
      expect.stringContaining(`http://127.0.0.1:${env["CHAT_GATEWAY_PORT"]}  (n8n: sample bot`),
    ]);
    expect(lines).toContainEqual(expect.stringMatching(/^gateway {4}\| \[[\d:.]+\] INFO: gateway\.listening$/));
    const pids = await appPids();
    child.kill("SIGTERM");
    expect(await exited).toBe(0);
    expect(lines).toContainEqual("dispatcher | dispatcher stops");
    expect(pids.map(identifyProcess)).toEqual([undefined, undefined, undefined]);
    expect(readdirSync(join(root, ".chat-relay"))).toEqual(["webhook-secret"]);
  });

  test("keeps the generated secret to itself and to the next start", async () => {
    const secrets: string[] = [];
    for (let start = 0; start < 2; start += 1) {
      const from = lines.length;
      const { child, exited } = startLauncher();
      await untilLine("| ready ", from);
      secrets.push((await ask("GATEWAY")).secret);
      child.kill("SIGINT");
      child.kill("SIGINT"); // as under npm: one Ctrl-C, two signals
      expect(await exited).toBe(0);
    }
    expect(secrets[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(secrets[1]).toBe(secrets[0]);
    expect(statSync(join(root, ".chat-relay/webhook-secret")).mode & 0o777).toBe(0o600);
    expect(lines.join("\n")).not.toContain(secrets[0]);
  });

  test("restarts what dies, with a line that says so", async () => {
    startLauncher();
    await untilLine("| ready ");
    const { pid } = await ask("RECEIVER");
    process.kill(pid, "SIGKILL");
    await untilLine("receiver exited (signal SIGKILL), restarting in 250 ms");
    const again = await waitUntil(async () => (await ask("RECEIVER").catch(() => ({ pid }))).pid !== pid, {
      timeoutMs: 10_000,
    });
    expect(again).toBe(true);
  });

  test("refuses a second start on the same data", async () => {
    const first = startLauncher();
    await untilLine("| ready ");
    expect(await startLauncher().exited).toBe(1);
    expect(lines.at(-1)).toContain(`already running as process ${first.child.pid}`);
  });

  test("stops what a killed launcher left behind", async () => {
    const first = startLauncher();
    await untilLine("| ready ");
    const pids = await appPids();
    first.child.kill("SIGKILL");
    await first.exited.catch(() => undefined);
    expect(pids.map((pid) => identifyProcess(pid)?.pid)).toEqual(pids);
    const from = lines.length;
    startLauncher();
    await untilLine("| ready ", from);
    expect(lines.slice(from)).toContainEqual(expect.stringContaining("left behind: sample-bot"));
    expect(pids.map(identifyProcess)).toEqual([undefined, undefined, undefined]);
  });

  test("lists every bad value and opens nothing", async () => {
    const { exited } = startLauncher({ CHAT_GATEWAY_PORT: "gate", CHAT_QUEUE_MAX_ATTEMPTS: "0" });
    expect(await exited).toBe(78);
    expect(lines.join("\n")).toMatch(/CHAT_GATEWAY_PORT .*\n.*CHAT_QUEUE_MAX_ATTEMPTS /);
    expect(readdirSync(root)).not.toContain(".chat-relay");
  });

  test("names each port that is taken, with its variable", async () => {
    const port = Number(env["CHAT_RECEIVER_PORT"]);
    const other = createServer().listen(port, "127.0.0.1");
    await once(other, "listening");
    expect(await startLauncher({ CHAT_SAMPLE_BOT_PORT: env["CHAT_GATEWAY_PORT"] ?? "" }).exited).toBe(1);
    other.close();
    expect(lines.join("\n")).toContain(
      `port ${port} of the receiver is already in use: free it, or set CHAT_RECEIVER_PORT`,
    );
    expect(lines.join("\n")).toContain(`(CHAT_GATEWAY_PORT) of the gateway is also that of the sample bot`);
    expect(lines.join("\n")).not.toContain("migrating");
  });

  test("ends with 78 when a service refuses its configuration", async () => {
    const { exited } = startLauncher();
    await untilLine("| ready ");
    await ask("DISPATCHER", "/bad-config").catch(() => undefined);
    expect(await exited).toBe(78);
    expect(lines).toContainEqual(expect.stringContaining("dispatcher refuses its configuration"));
  });

  test("gives up when the migrations fail", async () => {
    addApp("migrate", "process.exitCode = 3;");
    expect(await startLauncher().exited).toBe(1);
    expect(lines).toContainEqual(expect.stringContaining("migrations: failed (code 3)"));
    expect(readdirSync(join(root, ".chat-relay"))).toEqual(["webhook-secret"]);
  });

  test("gives up when the widget cannot be built", async () => {
    addScript("packages/widget/src/build.ts", "process.exitCode = 3;");
    expect(await startLauncher().exited).toBe(1);
    expect(lines).toContainEqual(expect.stringContaining("widget: failed (code 3)"));
  });

  test("a second signal, a second later, kills what does not want to stop", async () => {
    const { child, exited } = startLauncher({ STUBBORN: "gateway" });
    await untilLine("| ready ");
    const { pid } = await ask("GATEWAY");
    child.kill("SIGTERM");
    await untilLine("| stopping");
    await delay(1_100); // what this is about: sooner it would count as the same wish
    child.kill("SIGTERM");
    expect(await exited).toBe(1);
    expect(await waitUntil(() => identifyProcess(pid) === undefined, { timeoutMs: 5_000 })).toBe(true);
  });

  test("brings its own PostgreSQL and NATS, and brings them back", async () => {
    const { DATABASE_URL: _database, NATS_URL: _nats, ...ports } = env;
    env = ports;
    const { child, exited } = startLauncher();
    await untilLine("| ready ");
    const { database } = await ask("GATEWAY");
    const server = JSON.parse(readFileSync(join(root, ".chat-relay/postgres/server.json"), "utf8")) as { pid: number };
    process.kill(server.pid, "SIGKILL");
    await untilLine("postgres exited (signal SIGKILL), restarting");
    const port = Number(new URL(database).port);
    const back = await waitUntil(
      () => readdirSync(join(root, ".chat-relay/postgres/cluster")).includes("postmaster.pid") && isReady(port),
      { timeoutMs: 30_000 },
    );
    expect(back).toBe(true);
    child.kill("SIGTERM");
    expect(await exited).toBe(0);
    expect(readdirSync(join(root, ".chat-relay")).toSorted()).toEqual(["nats", "postgres", "webhook-secret"]);
    expect(readdirSync(join(root, ".chat-relay/postgres")).toSorted()).toEqual(["cluster", "password"]);
  });
});

function isReady(port: number): boolean {
  const lines = readFileSync(join(root, ".chat-relay/postgres/cluster/postmaster.pid"), "utf8").split("\n");
  return Number(lines[3]) === port && lines[7]?.trim() === "ready";
}
