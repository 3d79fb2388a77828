import { describe, expect, test } from "vitest";
import { OutboxGauge } from "./outbox-gauge.ts";

const taken = () => true;

function gaugeOver(backlog: { size: number }, max: number) {
  let counts = 0;
  let nowMs = 10_000;
  const count = async () => {
    counts += 1;
    return backlog.size;
  };
  const gauge = new OutboxGauge({ count, max, nowMs: () => nowMs });
  const accept = () =>
    gauge.admit(async () => {
      backlog.size += 1;
      return "in";
    }, taken);
  return { gauge, accept, counts: () => counts, pass: (ms: number) => (nowMs += ms) };
}

describe("OutboxGauge", () => {
  test("lets in exactly as many as there is room for", async () => {
    const { accept } = gaugeOver({ size: 2 }, 4);
    expect([await accept(), await accept(), await accept()]).toEqual(["in", "in", undefined]);
  });

  test("is exact under a burst too", async () => {
    const { accept } = gaugeOver({ size: 0 }, 5);
    const results = await Promise.all(Array.from({ length: 20 }, accept));
    expect(results.filter((result) => result === "in")).toHaveLength(5);
  });

  test("counts anew before it refuses", async () => {
    const backlog = { size: 0 };
    const { accept } = gaugeOver(backlog, 2);
    await accept();
    await accept();
    backlog.size = 1; // one was published
    expect(await accept()).toBe("in");
    expect(await accept()).toBeUndefined();
  });

  test("does not count for each message", async () => {
    const { accept, counts, pass } = gaugeOver({ size: 0 }, 1_000);
    for (let index = 0; index < 50; index += 1) await accept();
    expect(counts()).toBe(1);
    pass(1_000);
    await accept();
    expect(counts()).toBe(2);
  });

  test("gives the room back when the work took none, or failed", async () => {
    const { gauge, accept, counts } = gaugeOver({ size: 0 }, 2);
    await gauge.admit(
      async () => "repeat",
      () => false,
    );
    await expect(gauge.admit(() => Promise.reject(new Error("away")), taken)).rejects.toThrow("away");
    expect([await accept(), await accept()]).toEqual(["in", "in"]);
    expect(counts()).toBe(1);
  });

  test("a new count does not forget what is let in and not committed yet", async () => {
    const { gauge, accept } = gaugeOver({ size: 0 }, 2);
    await gauge.admit(
      async () => "repeat",
      () => false,
    );
    const gate = Promise.withResolvers<string>();
    const open = [1, 2].map(() => gauge.admit(() => gate.promise, taken));
    expect(await accept()).toBeUndefined();
    gate.resolve("in");
    expect(await Promise.all(open)).toEqual(["in", "in"]);
  });

  test("passes on that it cannot count when it has to", async () => {
    const gauge = new OutboxGauge({ count: () => Promise.reject(new Error("away")), max: 2 });
    await expect(gauge.admit(async () => "in", taken)).rejects.toThrow("away");
  });
});
