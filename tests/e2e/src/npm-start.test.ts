import { waitFor } from "@chat-relay/testkit/wait-for";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePort } from "@chat-relay/embedded/free-port";
import { createVisitor } from "@chat-relay/testkit/visitor";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const START_TIMEOUT_MS = 90_000;

interface Launched {
  child: ChildProcess;
  output: () => string;
  ended: Promise<number | null>;
}

let dataDir: string;
let ports: Record<string, string>;
let running: Launched | undefined;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "chat-relay-start-"));
  const names = ["CHAT_GATEWAY_PORT", "CHAT_RECEIVER_PORT", "CHAT_DISPATCHER_PORT", "CHAT_SAMPLE_BOT_PORT"];
  const free = await Promise.all(
    names.map(async (name): Promise<[string, string]> => [name, String(await freePort())]),
  );
  ports = Object.fromEntries(free);
});
afterAll(async () => {
  running?.child.kill("SIGTERM");
  await running?.ended;
  await rm(dataDir, { recursive: true, force: true });
});

function launch(env: Record<string, string> = {}): Launched {
  const inherited = { PATH: process.env["PATH"], HOME: process.env["HOME"] };
  const child = spawn("npm", ["start"], {
    cwd: ROOT,
    env: { ...inherited, ...ports, CHAT_DATA_DIR: dataDir, CHAT_ACK_WAIT_MS: "2000", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const collect = (chunk: Buffer) => void (output += chunk.toString());
  child.stdout?.on("data", collect);
  child.stderr?.on("data", collect);
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  return { child, output: () => output, ended };
}

const gatewayUrl = () => `http://127.0.0.1:${ports["CHAT_GATEWAY_PORT"]}`;

async function launchReady(): Promise<Launched> {
  running = launch();
  const { child, output } = running;
  await waitFor(
    "the ready line",
    () => {
      if (child.exitCode !== null) throw new Error(output());
      return output().includes(`ready  ${gatewayUrl()}`);
    },
    START_TIMEOUT_MS,
  );
  return running;
}

/** Pids of the processes that the launcher says it has started, by name: from the process table, by their data folder or file. */
async function pidsOf(pattern: string): Promise<number[]> {
  const { execFile } = await import("node:child_process");
  const listing = await new Promise<string>((resolve, reject) =>
    execFile("ps", ["-eo", "pid,ppid,args"], (error, stdout) => (error === null ? resolve(stdout) : reject(error))),
  );
  const rows = listing.split("\n").map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line));
  const children = new Map(
    rows.flatMap((row) => (row === null ? [] : [[Number(row[1]), { ppid: Number(row[2]), args: row[3] ?? "" }]])),
  );
  const isOurs = (pid: number): boolean => {
    const entry = children.get(pid);
    return entry !== undefined && (entry.ppid === running?.child.pid || isOurs(entry.ppid));
  };
  return [...children].filter(([pid, { args }]) => args.includes(pattern) && isOurs(pid)).map(([pid]) => pid);
}

test("npm start brings up the whole chain, restarts what dies, stops cleanly, and keeps what was said", async () => {
  const { child, ended } = await launchReady();
  const visitor = await createVisitor(gatewayUrl());
  const hello = await visitor.send("Hello!");
  expect((await visitor.until(hello.id, "answered")).at(-1)?.content).toBe("You said: Hello!");

  for (const service of ["apps/dispatcher/", "apps/receiver/", "apps/gateway/", "nats-server", "postgres -D"]) {
    const [pid] = await pidsOf(service);
    if (pid === undefined) throw new Error(`no process ${service}`);
    process.kill(pid, "SIGKILL");
    await waitFor(`${service} to be restarted`, async () => {
      const now = await pidsOf(service);
      return now.length > 0 && !now.includes(pid);
    });
    const later = await waitFor("a message to be accepted again", () => visitor.send("/later"));
    const history = await visitor.until(later.id, "answered");
    expect(history.filter((message) => message.replyTo === later.id)).toHaveLength(1);
  }

  child.kill("SIGTERM"); // to npm alone
  expect(await ended).toBe(0);
  const leftovers = (await readdir(dataDir)).filter((name) => /lock|pid/.test(name));
  expect(leftovers).toEqual([]);
  await expect(fetch(gatewayUrl())).rejects.toThrow("fetch failed");

  await launchReady();
  expect((await visitor.messages()).map((message) => message.content)).toContain("You said: Hello!");
}, 240_000);

test("npm start with a bad value says what is wrong, opens nothing and exits with 78", async () => {
  const { output, ended } = launch({
    CHAT_QUEUE_MAX_ATTEMPTS: "0",
    CHAT_GATEWAY_PORT: "http",
    CHAT_DATA_DIR: join(dataDir, "never"),
  });
  expect(await ended).toBe(78);
  expect(output()).toContain("CHAT_QUEUE_MAX_ATTEMPTS");
  expect(output()).toContain("CHAT_GATEWAY_PORT");
  expect(await readdir(dataDir)).not.toContain("never");
});
