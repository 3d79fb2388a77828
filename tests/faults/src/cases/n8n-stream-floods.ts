import type { Responder } from "@chat-relay/testkit/fake-n8n";
import { mustCutAtCap } from "../rig/cut-at-cap.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import { waitsMeanwhile } from "../rig/healthy-waits.ts";
import { MemoryWatch } from "../rig/memory-watch.ts";
import { n8nLine } from "../rig/n8n-lines.ts";
import { ENDLESS_BYTES, pour, pouring } from "../rig/pour.ts";
import { mustHold } from "../rig/violation.ts";

const MIB = 1_024 * 1_024;
/** Of which a few MiB were seen. */
const MOST_MORE_BYTES = 20 * MIB;
/** A healthy session's message reaches n8n within this, whatever others do. */
const HEALTHY_MS = 2_000;
const LINES = 400;
const LARGE = "x".repeat(200 * 1_024);

const STREAM_TYPE = "application/json; charset=utf-8";

/** The lines again and again, as fast as the caller reads them. */
function streaming(...lines: string[]): Responder {
  return pouring(200, STREAM_TYPE, ENDLESS_BYTES, Buffer.from(lines.join("")));
}

/** Streams of n8n, each good in all its lines, that go far over the cap. */
const FLOODS: Record<string, Responder> = {
  "small items without end": streaming(n8nLine({ type: "item", content: "x" }).repeat(LINES)),
  "large items without end": streaming(n8nLine({ type: "item", content: LARGE })),
  "items of many nodes without end": streaming(
    ...Array.from({ length: LINES }, (_, block) => n8nLine({ type: "item", content: "x", block })),
  ),
  "one item without end": (_call, response) => {
    response.writeHead(200, { "content-type": STREAM_TYPE }).write('{"type":"item","content":"');
    return pour(response, ENDLESS_BYTES);
  },
  "keepalives without end": streaming(n8nLine({ type: "keepalive" }).repeat(LINES)),
};

async function playEach(trial: Trial): Promise<void> {
  for (const [name, flood] of Object.entries(FLOODS)) await mustCutAtCap(trial, name, flood);
}

/** n8n's stream that pours. Who follows such a session live is among the first visitors: what it was shown is withdrawn. */
export const STREAM_FLOOD_CASES: FaultCase[] = [
  {
    name: "streams of item lines far over the cap: cut there, failed at once, what was shown is withdrawn, and nobody else waits",
    async run(trial) {
      const { world, load, measure } = trial;
      const healthy = await load.open(5);
      await load.steady(60, 60); // memory that any work takes
      using memory = new MemoryWatch(world.dispatchers);
      const waits = await waitsMeanwhile(trial, healthy, playEach(trial));
      measure("streams that flood: longest wait of a healthy session ms", Math.max(...waits));
      const held = waits.filter((ms) => ms > HEALTHY_MS).map((ms) => `a healthy message waited ${ms} ms`);
      mustHold("a session whose stream floods holds up no other", held);
      const most = memory.mostBytes;
      measure("streams that flood: MiB more in a dispatcher", most / MIB);
      const much = most > MOST_MORE_BYTES ? [`${most} bytes more`] : [];
      mustHold("a stream that floods is not kept", much);
    },
  },
];
