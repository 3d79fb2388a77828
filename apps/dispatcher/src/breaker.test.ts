import { waitFor } from "@chat-relay/testkit/wait-for";
import { afterEach, expect, test } from "vitest";
import { Breaker, type Place, type Reach } from "./breaker.ts";

let breaker: Breaker;
let reachable: boolean;
let probes: number[];
let states: string[];
let problems: string[];

function create({ probeMaxMs = 80 } = {}): Breaker {
  reachable = false;
  probes = [];
  states = [];
  problems = [];
  breaker = new Breaker({
    concurrency: 4,
    probeMs: 20,
    probeMaxMs,
    rampMs: 50,
    probe: async () => {
      probes.push(performance.now());
      if (!reachable) throw new Error("refused");
    },
    onChange: (state) => states.push(state),
    onUnreachable: (problem) => problems.push(problem),
    onRoom: () => undefined,
  });
  return breaker;
}

afterEach(() => breaker.stop());

function enter(): Place {
  const place = breaker.enter();
  if (place === undefined) throw new Error("no place");
  return place;
}

const reach = (reached: boolean): Reach => (reached ? { reached } : { reached, problem: "the call failed" });

function call(reached: boolean): void {
  breaker.leave(enter(), reach(reached));
}

test("lets as many in as the concurrency, and counts those that leave", () => {
  create();
  const places = [1, 2, 3, 4].map(() => enter());
  expect(breaker.enter()).toBeUndefined();
  for (const place of places.slice(0, 1)) breaker.leave(place, reach(true));
  expect(breaker.enter()).toBeDefined();
});

test("opens when n8n cannot be reached, and probes at growing intervals", async () => {
  create();
  call(false);
  expect(breaker.state).toBe("open");
  expect(breaker.enter()).toBeUndefined();
  await waitFor("five probes", () => probes.length === 5);
  const gaps = probes.slice(1).map((at, index) => at - (probes[index] ?? 0));
  expect(gaps[0]).toBeGreaterThanOrEqual(35);
  expect(gaps[3]).toBeGreaterThanOrEqual(75);
});

test("lets one call in after a probe, then ramps up with the answers", async () => {
  create();
  call(false);
  reachable = true;
  await waitFor("half open", () => breaker.state === "half_open");
  const place = enter();
  expect(breaker.enter()).toBeUndefined();
  breaker.leave(place, reach(true));
  expect(breaker.state).toBe("closed");
  expect(breaker.limit()).toBe(2);
  call(true);
  expect(breaker.limit()).toBe(3);
  call(true);
  call(true);
  expect(breaker.limit()).toBe(4);
});

test("opens again when the one call does not reach n8n", async () => {
  create();
  call(false);
  reachable = true;
  await waitFor("half open", () => breaker.state === "half_open");
  reachable = false;
  call(false);
  expect(breaker.state).toBe("open");
  expect(states).toEqual(["open", "half_open", "open"]);
});

test("says once for each opening why n8n cannot be reached", async () => {
  create();
  call(false);
  await waitFor("probes that fail", () => probes.length === 2);
  expect(problems).toEqual(["the call failed"]);
  reachable = true;
  await waitFor("half open", () => breaker.state === "half_open");
  reachable = false;
  await waitFor("open again, by a probe", () => breaker.state === "open");
  expect(problems).toEqual(["the call failed", "refused"]);
});

test("closes by probes alone when there is no message to try", async () => {
  create();
  call(false);
  reachable = true;
  await waitFor("closed", () => breaker.state === "closed");
  expect(probes).toHaveLength(2);
  expect(breaker.limit()).toBe(1);
  await waitFor("the ramp, though no call has ended", () => breaker.limit() === 4);
});

test("the next outage is probed as eagerly as the first, however long that one was", async () => {
  create({ probeMaxMs: 5_000 });
  call(false);
  await waitFor("the interval to grow", () => probes.length === 6);
  const grownMs = (probes[5] ?? 0) - (probes[4] ?? 0);
  reachable = true;
  await waitFor("closed", () => breaker.state === "closed");
  reachable = false;
  probes.length = 0;
  const openedAtMs = performance.now();
  call(false);
  await waitFor("a probe", () => probes.length === 1);
  expect((probes[0] ?? 0) - openedAtMs).toBeLessThan(grownMs); // about 20 ms and 640 ms
});

test("what became of a call from before an outage says nothing of now", async () => {
  create();
  const [late, later] = [enter(), enter()];
  call(false);
  reachable = true;
  await waitFor("half open", () => breaker.state === "half_open");
  breaker.leave(late, reach(true));
  expect(breaker.state).toBe("half_open");
  await waitFor("closed", () => breaker.state === "closed");
  breaker.leave(later, reach(false));
  expect(breaker.state).toBe("closed");
});

test("does not probe once it is stopped", async () => {
  create();
  call(false);
  await waitFor("a probe", () => probes.length === 1);
  breaker.stop();
  const { length } = probes;
  const stoppedAtMs = performance.now();
  await waitFor("several intervals to pass", () => performance.now() - stoppedAtMs > 200);
  expect(probes).toHaveLength(length);
});

test("a call that was not made says nothing about n8n", () => {
  create();
  breaker.leave(enter(), undefined);
  expect(breaker.state).toBe("closed");
  expect(states).toEqual([]);
});
