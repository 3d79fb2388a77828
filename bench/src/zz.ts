import { writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { openScene } from "./measure/open-scene.ts";
import { openStage } from "./measure/stage.ts";
import { chatRelayPipeline } from "./pipelines/chat-relay-pipeline.ts";
import { seedSessions } from "./seed/seed-sessions.ts";
import { openCrowd, closeCrowd } from "./live/crowd.ts";
import { residentBytes } from "./cost/resident-bytes.ts";
const N = Number(process.argv[2] ?? 2000);
const extra = process.argv.slice(3);
const LIMITS = { CHAT_STREAM_MAX_CONNECTIONS: "100000", CHAT_STREAM_MAX_PER_SESSION: "10000" };
const pipe = chatRelayPipeline({
  env: LIMITS,
  nodeArgs: (s: string) =>
    s === "gateway" ? ["--heapsnapshot-signal=SIGUSR2", "--diagnostic-dir=/tmp/snap", ...extra] : [],
});
await using stage = await openStage({ pipelines: [pipe], signal: new AbortController().signal, say: console.log });
await using scene = await openScene(stage, pipe);
const pid = scene.pipeline.servers.find((s) => s.name === "gateway")!.pid;
const sessions = await seedSessions(scene.databaseUrl, N);
const port = scene.pipeline.gatewayPorts[0]!;
closeCrowd(await openCrowd(port, sessions.slice(0, 200)));
await delay(3000);
const spaces = async () => {
  const t = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return t
    .split("\n")
    .filter(
      (l) =>
        /^(nodejs_heap_size|nodejs_external|process_resident|nodejs_heap_space_size_(total|used)_bytes.*(new|old|large_object)"?,)/.test(
          l,
        ) && !/(shared|trusted|code)/.test(l),
    )
    .map((l) => l.replace("nodejs_heap_", "").replace(/(\d{4,}.*)$/, (x) => (Number(x) / 1e6).toFixed(1)))
    .join("; ");
};
console.log(await spaces());
const before = residentBytes(pid);
const readers = await openCrowd(port, sessions);
await delay(3000);
const opened = residentBytes(pid);
await delay(Number(process.env["IDLE"] ?? 10000));
const idle = residentBytes(pid);
console.log(await spaces());
console.log(
  "before",
  (before / 1e6).toFixed(1),
  "each KiB opened",
  ((opened - before) / N / 1024).toFixed(1),
  "idle",
  ((idle - before) / N / 1024).toFixed(1),
);
if (process.env["SNAP"]) {
  process.kill(pid, "SIGUSR2");
  await delay(15000);
  console.log("after snapshot gc", ((residentBytes(pid) - before) / N / 1024).toFixed(1));
}
closeCrowd(readers);
