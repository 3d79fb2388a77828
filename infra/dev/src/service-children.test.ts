import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { NODE_FLAGS } from "@chat-relay/core/node-flags";
import { expect, test } from "vitest";
import { APPS } from "./service-children.ts";

const ROOT = resolve(import.meta.dirname, "../../..");

function commandOf(app: keyof typeof NODE_FLAGS): string {
  const words = ["node", ...NODE_FLAGS[app], `apps/${app}/src/main.ts`];
  return `[${words.map((word) => `"${word}"`).join(", ")}]`;
}

test.each([...APPS, "migrate"] as const)(
  "%s has the same flags of Node in docker-compose.yml as under npm start",
  (app) => {
    const lines = readFileSync(resolve(ROOT, "docker-compose.yml"), "utf8").split("\n");
    expect(lines.map((line) => line.trim())).toContain(`command: ${commandOf(app)}`);
  },
);

test("the image starts a gateway as docker-compose.yml does", () => {
  const dockerfile = readFileSync(resolve(ROOT, "infra/docker/Dockerfile"), "utf8");
  expect(dockerfile.split("\n")).toContain(`CMD ${commandOf("gateway")}`);
});
