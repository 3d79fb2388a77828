import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";

const CODE = `
import { createLogger } from "@chat-relay/service/logger";
const logger = createLogger("test", "info");
const error = Object.assign(new Error("failed"), { code: "E1", parameters: ["canary-1"], cause: new Error("inner") });
logger.info({ content: "canary-2", body: "canary-3", headers: { a: "canary-4" } }, "top");
logger.info({ given: { content: "canary-5", authorization: "canary-6", sessionToken: "canary-7", chatInput: "canary-8" } }, "nested");
logger.error({ err: error }, "request.failed");
logger.error({ err: { message: "canary-9" } }, "not an error");
logger.info({ reason: "stop" }, "last");
process.exit();
`;

test("neither text nor secrets get through, whatever a careless call hands in", () => {
  const result = spawnSync(process.execPath, ["--input-type=module-typescript", "-e", CODE], {
    cwd: import.meta.dirname,
    encoding: "utf8",
  });
  const lines = result.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines).toHaveLength(5);
  expect(result.stdout).not.toContain("canary");
  expect(lines[0]).toMatchObject({ level: "info", service: "test", msg: "top", content: "[redacted]" });
  expect(lines[4]).toMatchObject({ reason: "stop", msg: "last" });
  expect(lines[2]).toMatchObject({ err: { type: "Error", message: "failed", code: "E1", cause: "inner" } });
});
