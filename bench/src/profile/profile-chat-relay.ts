import { mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { openAudience } from "../load/audience.ts";
import { saturate } from "../load/saturate.ts";
import { openScene } from "../measure/open-scene.ts";
import type { Plan } from "../measure/plan.ts";
import { openStage } from "../measure/stage.ts";
import { chatRelayPipeline } from "../pipelines/chat-relay-pipeline.ts";
import { figure, percent } from "../report/figures.ts";
import { RESULTS_DIR } from "../report/save-results.ts";
import { allocatedBytes } from "./allocated-bytes.ts";
import { topCosts, type Cost, type CpuProfile } from "./top-costs.ts";

const PATIENCE_MS = 20_000;
const TOP_FUNCTIONS = 30;
const TOP_MODULES = 20;

const nowUs = (): number => Number(process.hrtime.bigint() / 1_000n);

function costLines(title: string, costs: Cost[], count: number): string[] {
  return [title, ...costs.slice(0, count).map(({ name, share }) => `  ${percent(share).padStart(7)}  ${name}`)];
}

function report(folder: string, server: string, fromUs: number, toUs: number): string {
  const file = join(folder, `${server}.cpuprofile`);
  const { busyShare, functions, modules } = topCosts(
    JSON.parse(readFileSync(file, "utf8")) as CpuProfile,
    fromUs,
    toUs,
  );
  return [
    `\n${server}: busy for ${percent(busyShare)} of the time; ${file}`,
    ...costLines(" by module", modules, TOP_MODULES),
    ...costLines(" by function", functions, TOP_FUNCTIONS),
  ].join("\n");
}

/** `--profile`: chat-relay at saturation, and where its processes' time goes. */
export async function profileChatRelay(plan: Plan, signal: AbortSignal, say: (line: string) => void): Promise<void> {
  const folder = join(RESULTS_DIR, `profile-${new Date().toISOString().replaceAll(":", "-")}`);
  mkdirSync(folder, { recursive: true });
  const nodeArgs = (server: string) => [
    "--cpu-prof",
    `--cpu-prof-dir=${folder}`,
    `--cpu-prof-name=${server}.cpuprofile`,
    "--trace-gc",
  ];
  const pipeline = chatRelayPipeline({ nodeArgs });
  await using stage = await openStage({ pipelines: [pipeline], signal, say });
  const { users, warmUpMs, saturateMs } = plan;
  let window = { fromUs: 0, toUs: 0 };
  {
    await using scene = await openScene(stage, pipeline);
    using audience = await openAudience(scene.pipeline.gatewayPorts, plan.sessions);
    const load = { users, patienceMs: PATIENCE_MS, signal };
    await saturate(audience.visitors, { ...load, durationMs: warmUpMs });
    const { servers } = scene.pipeline;
    const logged = servers.map(({ logFile }) => statSync(logFile).size);
    const fromUs = nowUs();
    const { answered, failures } = await saturate(audience.visitors, { ...load, durationMs: saturateMs });
    window = { fromUs, toUs: nowUs() };
    say(`${answered} answered in ${saturateMs / 1_000} s, profiled (which costs); ${failures.length} failures`);
    for (const [index, { name, logFile }] of servers.entries()) {
      const bytes = allocatedBytes(readFileSync(logFile).subarray(logged[index]).toString("latin1"));
      say(`${name}: ${figure(bytes / answered / 1_024)} KiB of objects made for each`);
    }
  }
  // They write their profiles as they end.
  for (const server of ["gateway", "dispatcher", "receiver"]) say(report(folder, server, window.fromUs, window.toUs));
}
