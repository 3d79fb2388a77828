import { expect, test } from "vitest";
import { topCosts, type CpuProfile } from "./top-costs.ts";

const frame = (id: number, functionName: string, url: string) => ({
  id,
  callFrame: { functionName, url, lineNumber: 9 },
});

const PROFILE: CpuProfile = {
  nodes: [
    frame(1, "(idle)", ""),
    frame(2, "send", "file:///repo/node_modules/@nats-io/nats-core/lib/protocol.js"),
    frame(3, "accept", "file:///repo/packages/database/src/accept-message.ts"),
    frame(4, "claim", "file:///repo/packages/database/src/claim-delivery.ts"),
    frame(5, "(garbage collector)", ""),
  ],
  startTime: 1_000,
  samples: [3, 1, 2, 3, 4, 5, 2],
  timeDeltas: [100, 100, 100, 200, 100, 100, 1_000],
};

test("the samples of the window are added up by function and by module, without what is idle", () => {
  const { busyShare, functions, modules } = topCosts(PROFILE, 1_150, 1_750);
  expect(busyShare).toBeCloseTo(5 / 6);
  expect(functions[0]).toEqual({ name: "accept packages/database/src/accept-message.ts:10", share: 0.4 });
  expect(functions).toHaveLength(4);
  expect(modules).toEqual([
    { name: "packages/database", share: 0.6 },
    { name: "@nats-io/nats-core", share: 0.2 },
    { name: "(garbage collector)", share: 0.2 },
  ]);
});
